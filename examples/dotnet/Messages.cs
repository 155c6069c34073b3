namespace Molfleet.Example;

/// <summary>What every event of the fleet has; the type that the topic endpoint is bound to.</summary>
public interface IFleetEvent
{
    Guid Id { get; }
    Guid CorrelationId { get; }
}

// One record per event that this service cares for, with the fields that it cares for.

public record ModelTrainingStarted(Guid Id, Guid CorrelationId, string ModelName) : IFleetEvent;

public record ModelThumbnailGenerated(Guid Id, Guid CorrelationId, string Bucket, string Key, long Width)
    : IFleetEvent;

public record ModelTrained(Guid Id, Guid CorrelationId, string Bucket, string Key, long NumberOfGenericFiles)
    : IFleetEvent;

public record TrainingFailed(Guid Id, Guid CorrelationId, string Code, string Message, bool Retryable)
    : IFleetEvent;

/// <summary>Any other event of the topic, today's or tomorrow's: read, and left alone.</summary>
public record OtherEvent(Guid Id, Guid CorrelationId, string Type) : IFleetEvent;

/// <summary>The command, as far as this service fills it; all other fields take their defaults.</summary>
public record TrainModel(
    Guid Id,
    Guid CorrelationId,
    string Bucket,
    string Key,
    string Target,
    string Method);
