//! The messages of a stream on their way out, as either side sends them: one by one, each at
//! once, in order.

use std::collections::VecDeque;

use mutants::{mutant::Mutant, planted::planted};

/// The message of a stream that whoever loses one far behind loses.
const FAR_BEHIND: usize = 100;

/// The messages of one direction of a call.
pub(crate) struct Outgoing<M> {
    /// Whether there may be any number of them.
    is_stream: bool,
    sent: usize,
    /// Those that were to be sent and were not.
    held: VecDeque<M>,
}

impl<M: Clone> Outgoing<M> {
    pub(crate) fn new(is_stream: bool) -> Self {
        Self { is_stream, sent: 0, held: VecDeque::new() }
    }

    /// What is to be sent now, of the next message and those before it. `is_last`: its
    /// sender knows that none follows it for the time being.
    pub(crate) fn next(&mut self, message: M, is_last: bool) -> Vec<M> {
        if !self.is_stream {
            return vec![message];
        }
        self.sent += 1;
        let (is_first, is_second) = (self.sent == 1, self.sent == 2);
        match () {
            () if planted(Mutant::LosesFirstMessage) && is_first => Vec::new(),
            () if planted(Mutant::LosesSecondMessage) && is_second => Vec::new(),
            () if planted(Mutant::LosesLastMessage) && is_last => Vec::new(),
            () if planted(Mutant::LosesHundredthMessage) && self.sent == FAR_BEHIND => Vec::new(),
            () if planted(Mutant::DoublesFirstMessage) && is_first => vec![message; 2],
            () if planted(Mutant::DoublesLastMessage) && is_last => vec![message; 2],
            () if planted(Mutant::KeepsMessagesToTheEnd) => self.keep(message),
            () if planted(Mutant::KeepsMessageUntilNext) => {
                let before = self.end();
                self.keep(message);
                before
            }
            () if planted(Mutant::SwapsMessages) => match self.held.pop_front() {
                Some(before) => vec![message, before],
                None => self.keep(message),
            },
            () => vec![message],
        }
    }

    fn keep(&mut self, message: M) -> Vec<M> {
        self.held.push_back(message);
        Vec::new()
    }

    /// What is still to be sent when the direction ends.
    pub(crate) fn end(&mut self) -> Vec<M> {
        self.held.drain(..).collect()
    }
}
