using Avro;
using Avro.Generic;
using Confluent.Kafka;

namespace Molfleet.Example;

/// <summary>
/// The piece that MassTransit lacks for topics with several types: its Kafka rider binds a topic endpoint
/// to one type, here the interface, and dispatches by what the deserializer really returns.
/// </summary>
public class FleetEventDeserializer(FleetSchemas schemas) : IDeserializer<IFleetEvent>
{
    public IFleetEvent Deserialize(ReadOnlySpan<byte> data, bool isNull, SerializationContext context)
    {
        var record = schemas.Decode(data);
        var id = (Guid)record["id"];
        var correlationId = (Guid)record["correlation_id"];
        switch (record.Schema.Name)
        {
            case "ModelTrainingStarted":
                return new ModelTrainingStarted(id, correlationId, (string)record["model_name"]);
            case "ModelThumbnailGenerated":
                var picture = (GenericRecord)record["blob"];
                return new ModelThumbnailGenerated(id, correlationId,
                    (string)picture["bucket"], (string)picture["key"], (long)record["width"]);
            case "ModelTrained":
                var model = (GenericRecord)record["model"];
                return new ModelTrained(id, correlationId,
                    (string)model["bucket"], (string)model["key"], (long)record["number_of_generic_files"]);
            case "TrainingFailed":
                return new TrainingFailed(id, correlationId,
                    (string)record["code"], (string)record["message"], (bool)record["retryable"]);
            default:
                return new OtherEvent(id, correlationId, record.Schema.Name);
        }
    }
}

public class TrainModelSerializer(FleetSchemas schemas) : ISerializer<TrainModel>
{
    public byte[] Serialize(TrainModel command, SerializationContext context)
    {
        var record = schemas.New("TrainModel");
        record.Add("id", command.Id);
        record.Add("correlation_id", command.CorrelationId);
        record.Add("time_stamp", DateTime.UtcNow);
        record.Add("targets", new object[] { command.Target });
        record.Add("method", command.Method);

        var source = FleetSchemas.WithDefaults((RecordSchema)record.Schema["source"].Schema);
        source.Add("bucket", command.Bucket);
        source.Add("key", command.Key);
        record.Add("source", source);

        var featurizers = (ArraySchema)record.Schema["featurizers"].Schema;
        var ecfp = FleetSchemas.WithDefaults((RecordSchema)featurizers.ItemSchema);
        ecfp.Add("type", "ECFP");
        ecfp.Add("size", 2048L);
        ecfp.Add("radius", 2L);
        record.Add("featurizers", new object[] { ecfp });
        return schemas.Encode(record);
    }
}
