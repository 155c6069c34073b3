using MassTransit;

namespace Molfleet.Example;

public class ModelTraining : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }
    public string CurrentState { get; set; } = "";
    public string? ModelName { get; set; }
    public int Thumbnails { get; set; }
    public string? ModelBucket { get; set; }
    public string? ModelKey { get; set; }
    public string? Failure { get; set; }
}

/// <summary>
/// Follows one TrainModel from its first event to its terminal one. The fleet delivers at least once and
/// in order: what comes after a terminal event is a repetition, and ignored.
/// </summary>
public class ModelTrainingSaga : MassTransitStateMachine<ModelTraining>
{
    public State Training { get; private set; } = null!;
    public State Trained { get; private set; } = null!;
    public State Failed { get; private set; } = null!;

    public Event<ModelTrainingStarted> OnStarted { get; private set; } = null!;
    public Event<ModelThumbnailGenerated> OnThumbnail { get; private set; } = null!;
    public Event<ModelTrained> OnTrained { get; private set; } = null!;
    public Event<TrainingFailed> OnFailed { get; private set; } = null!;

    public ModelTrainingSaga()
    {
        InstanceState(saga => saga.CurrentState);
        Event(() => OnStarted, x => x.CorrelateById(context => context.Message.CorrelationId));
        Event(() => OnThumbnail, x =>
        {
            x.CorrelateById(context => context.Message.CorrelationId);
            x.OnMissingInstance(missing => missing.Discard());
        });
        Event(() => OnTrained, x => x.CorrelateById(context => context.Message.CorrelationId));
        Event(() => OnFailed, x => x.CorrelateById(context => context.Message.CorrelationId));

        // A command that is refused at once never starts: its first event is the terminal one.
        Initially(
            When(OnStarted)
                .Then(context => context.Saga.ModelName = context.Message.ModelName)
                .TransitionTo(Training),
            When(OnTrained).Then(Keep).TransitionTo(Trained),
            When(OnFailed).Then(Explain).TransitionTo(Failed));

        During(Training,
            Ignore(OnStarted),
            When(OnThumbnail).Then(context => context.Saga.Thumbnails++),
            When(OnTrained).Then(Keep).TransitionTo(Trained),
            When(OnFailed).Then(Explain).TransitionTo(Failed));

        During(Trained, Ignore(OnStarted), Ignore(OnThumbnail), Ignore(OnTrained), Ignore(OnFailed));
        During(Failed, Ignore(OnStarted), Ignore(OnThumbnail), Ignore(OnTrained), Ignore(OnFailed));
    }

    static void Keep(BehaviorContext<ModelTraining, ModelTrained> context)
    {
        context.Saga.ModelBucket = context.Message.Bucket;
        context.Saga.ModelKey = context.Message.Key;
    }

    static void Explain(BehaviorContext<ModelTraining, TrainingFailed> context) =>
        context.Saga.Failure = $"{context.Message.Code}: {context.Message.Message}";
}
