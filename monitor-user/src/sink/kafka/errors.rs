//! What brokers' errors mean.

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cure {
    /// Nothing: the broker has the records from before.
    Nothing,
    /// No broker will ever take a record of these.
    GiveUp,
    /// The broker knows nothing of this producer any more: it takes another id.
    NewProducer,
    /// It is tried again, with the same numbers.
    Again,
}

/// What is to be done about records that a broker did not take.
pub(super) fn cure(error: i16) -> Cure {
    match error {
        // The sequence was there before.
        46 => Cure::Nothing,
        // Too large, as a record or as a batch, of a wrong form or time.
        10 | 18 | 32 | 87 => Cure::GiveUp,
        // Out of order, another epoch, another producer by the same id, an unknown one, fenced.
        45 | 47 | 49 | 59 | 90 => Cure::NewProducer,
        _ => Cure::Again,
    }
}

/// What an error is called, for people.
pub(super) fn name(error: i16) -> String {
    let name = match error {
        -1 => "the broker failed",
        3 => "there is no such topic or partition",
        5 => "the partition has no leader now",
        6 => "the broker does not lead the partition any more",
        7 => "replicas did not have it in time",
        10 => "the message is longer than the topic takes",
        18 => "the batch is longer than a segment of the topic",
        19 | 20 => "too few replicas are in sync",
        29 => "this user may not write to the topic",
        31 => "this user may not write without repeats (IdempotentWrite on the cluster)",
        32 => "the time of the message is not taken",
        33 => "it does not know this way to show who one is",
        34 => "it wants to know who this is at another time",
        35 => "it does not know this version of the protocol: Kafka 2.1 or later is needed",
        45 => "numbers of messages are missing",
        46 => "it has the message already",
        47 | 90 => "another producer has this id",
        49 | 59 => "it does not know this producer any more",
        56 => "its disk fails",
        58 => "it does not know this user and password",
        87 => "the message has a form that the topic does not take",
        89 => "it is busy",
        _ => return format!("error {error}"),
    };
    format!("{name} ({error})")
}
