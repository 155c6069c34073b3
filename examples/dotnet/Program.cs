using Confluent.Kafka;
using MassTransit;
using Molfleet.Example;

var bootstrap = Environment.GetEnvironmentVariable("MOLFLEET_KAFKA_BOOTSTRAP") ?? "127.0.0.1:9092";
var prefix = Environment.GetEnvironmentVariable("MOLFLEET_TOPIC_PREFIX") ?? "";
var schemas = new FleetSchemas(Path.Combine(AppContext.BaseDirectory, "schemas"));

var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddMassTransit(bus =>
{
    bus.UsingInMemory();
    bus.AddRider(rider =>
    {
        rider.AddSagaStateMachine<ModelTrainingSaga, ModelTraining>().InMemoryRepository();
        rider.AddProducer<string, TrainModel>($"{prefix}training.commands",
            (_, producer) => producer.SetValueSerializer(new TrainModelSerializer(schemas)));
        rider.UsingKafka((context, kafka) =>
        {
            kafka.Host(bootstrap);
            kafka.TopicEndpoint<string, IFleetEvent>($"{prefix}training.events", "example-sagas", endpoint =>
            {
                endpoint.AutoOffsetReset = AutoOffsetReset.Earliest;
                endpoint.SetKeyDeserializer(Deserializers.Utf8);
                endpoint.SetValueDeserializer(new FleetEventDeserializer(schemas));
                endpoint.ConfigureSaga<ModelTraining>(context);
            });
        });
    });
});
builder.Services.AddHostedService<Trainer>();
await builder.Build().RunAsync();

/// <summary>Sends one training when the program starts: ModelTraining BUCKET KEY TARGET.</summary>
class Trainer(IServiceProvider services, IBusControl bus) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stop)
    {
        var arguments = Environment.GetCommandLineArgs()[1..];
        await bus.WaitForHealthStatus(BusHealthStatus.Healthy, stop);
        await using var scope = services.CreateAsyncScope();
        var producer = scope.ServiceProvider.GetRequiredService<ITopicProducer<string, TrainModel>>();
        var command = new TrainModel(NewId.NextGuid(), NewId.NextGuid(),
            arguments[0], arguments[1], arguments[2], "randomforestregressor");
        await producer.Produce(command.Id.ToString(), command, stop);
    }
}
