//! A call on the wire in words: whole for `crosswire run --trace`, and in a few
//! lines for what the console says of a failure. Pure.
//!
//! What peers sent is escaped, one event a line, so that nothing in it can break a
//! terminal or pass for a line of ours.

mod event;
mod excerpt;
mod shorten;
#[cfg(test)]
mod tests;
mod windows;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

pub use excerpt::{EXCERPT_LINES, excerpt};

use crate::{
    contract::Level,
    observe::Waited,
    role::Role,
    rules::Violation,
    suite::Call,
    text::{count, printable, shorten},
    wire::transcript::{Aside, ConnectionFacts, Event, Note, Transcript},
};
use event::{INDENT, Narrator};
use windows::shut_windows;

/// How many violations are marked. A stream of many messages may break a rule with
/// each of them; what they have in common is seen by then.
const MAX_MARKS: usize = 100;

/// How much of a violation is shown: hostile text may be in it.
const SHOWN_VIOLATION: usize = 600;

/// What is said of a call without a stream.
const NOTHING_SEEN: &str = "nothing of this call was seen on the wire";

/// A call with all that is shown of it.
#[derive(Debug, Clone, Copy)]
pub struct TraceInput<'a> {
    /// What heads it: the case's name, and which of its calls it is if it has several.
    pub case: &'a str,
    /// What the client was asked to do.
    pub call: &'a Call,
    /// What passed for it, in the order in which [`crate::rules::check`] got it.
    pub transcripts: &'a [Transcript],
    /// What was found in that.
    pub violations: &'a [Violation],
    /// Says a violation in words.
    pub say: fn(&Violation) -> String,
    /// What could not be read of any connection meanwhile.
    pub notes: &'a [Note],
    /// What passed on its connections while no stream was open.
    pub asides: &'a [Aside],
    /// What a script waits for that did not come.
    pub waited: Option<&'a Waited>,
}

/// One line.
#[derive(Debug)]
struct Line {
    text: String,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What heads a transcript, or is said of all of it.
    Heading,
    /// An event.
    Event,
    /// More of an event.
    Detail,
    /// What is wrong with the line above, or with the event that it belongs to.
    Mark(Level),
}

/// All that passed, with every violation below the line that it is about. A long
/// transcript is cut in the middle, but never at a violation.
#[must_use]
pub fn whole(input: &TraceInput<'_>) -> String {
    let mut text = format!("{}: {}\n", printable(input.case), printable(&input.call.method.path));
    let _ = writeln!(text, "{:>10} {:>8}", "ms", "byte");
    for line in shorten::middle(lines(input)) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The time of the first event, from which all others are counted.
fn start(input: &TraceInput<'_>) -> Duration {
    let events = input.transcripts.iter().flat_map(Transcript::events);
    let aside = input.asides.iter().flat_map(Aside::events);
    events.chain(aside).map(|event| event.at).min().unwrap_or_default()
}

fn lines(input: &TraceInput<'_>) -> Vec<Line> {
    let start = start(input);
    let heading = |text| Line { text, part: Part::Heading };
    let mut lines = Vec::new();
    let mut left = MAX_MARKS;
    for (index, transcript) in input.transcripts.iter().enumerate() {
        lines.push(heading(title(transcript)));
        let mut marks = Marks::new(transcript, index, input, &mut left);
        let mut narrator = Narrator::new(input.call, transcript, start);
        for (number, event) in transcript.events().enumerate() {
            lines.extend(marks.below(number, event, narrator.tell(event)));
        }
        lines.extend(marks.rest());
        lines.extend(remarks(transcript).map(heading));
        lines.extend(shut_windows(transcript, start).map(heading));
    }
    if input.transcripts.is_empty() {
        lines.push(heading(NOTHING_SEEN.to_owned()));
    }
    for aside in input.asides.iter().filter(|aside| aside.events().next().is_some()) {
        let number = aside.connection;
        lines.push(heading(format!("connection {number}, while no stream was open")));
        let mut narrator = Narrator::of_connection(input.call, start);
        lines.extend(aside.events().flat_map(|event| narrator.tell(event)));
    }
    if input.violations.len() > MAX_MARKS {
        let more = count(input.violations.len() - MAX_MARKS, "more violation");
        lines.push(heading(format!("{more} not shown")));
    }
    let mut notes: Vec<&Note> = Vec::new();
    let of_transcripts = input.transcripts.iter().flat_map(|t| &t.connection.notes);
    for note in of_transcripts.chain(input.notes) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    lines.extend(notes.into_iter().map(|Note { from, offset, text, .. }| {
        let text = shorten(&printable(text), SHOWN_VIOLATION);
        heading(format!("not read, at byte {offset} of what the {from} sent: {text}"))
    }));
    lines
}

fn title(transcript: &Transcript) -> String {
    let Transcript { stream, connection, .. } = transcript;
    let call = transcript.call.map(|call| format!("call {call}, ")).unwrap_or_default();
    format!("{call}stream {stream} of connection {}", connection.number)
}

fn remarks(transcript: &Transcript) -> impl Iterator<Item = String> {
    let open = (!transcript.is_finished).then_some("the stream had not ended");
    let gap = "bytes or events are missing, so no rule is judged by this";
    let gap = (!transcript.is_whole).then_some(gap);
    let ConnectionFacts { altered, altered_from, .. } = &transcript.connection;
    let sides = [Role::Client, Role::Server].into_iter().filter(|side| *altered.of(*side));
    let altered = sides.map(|side| {
        let from = altered_from.of(side);
        format!("the tap alters what the {side} sends from byte {from} on, which is not judged")
    });
    open.into_iter().chain(gap).map(str::to_owned).chain(altered)
}

/// The violations of one transcript, by the event that they are about.
struct Marks<'a> {
    of_event: BTreeMap<usize, Vec<&'a Violation>>,
    /// What they are about is not in this transcript: a SETTINGS frame, say, that
    /// came before the call.
    elsewhere: Vec<&'a Violation>,
    say: fn(&Violation) -> String,
}

impl<'a> Marks<'a> {
    fn new(
        transcript: &Transcript,
        index: usize,
        input: &TraceInput<'a>,
        left: &mut usize,
    ) -> Self {
        // Of events that stand at the same place, such as the opening of a stream and
        // its header block, the last has the lines.
        let place = |(number, event): (usize, &Event)| ((event.from, event.offset), number);
        let places: BTreeMap<(Role, u64), usize> =
            transcript.events().enumerate().map(place).collect();
        let (of_event, elsewhere) = (BTreeMap::new(), Vec::new());
        let mut marks = Self { of_event, elsewhere, say: input.say };
        for violation in input.violations.iter().filter(|violation| violation.transcript == index) {
            if *left == 0 {
                break;
            }
            *left -= 1;
            match places.get(&(violation.breach.bytes_of, violation.breach.offset)) {
                Some(number) => marks.of_event.entry(*number).or_default().push(violation),
                None => marks.elsewhere.push(violation),
            }
        }
        marks
    }

    /// An event's lines with its violations: below the header field that is quoted,
    /// if one is, else at the end.
    fn below(&mut self, number: usize, event: &Event, lines: Vec<Line>) -> Vec<Line> {
        let violations = self.of_event.remove(&number).unwrap_or_default();
        let marks = violations.into_iter().map(|violation| {
            let field = event::quoted_field(event, &violation.breach.bytes);
            // The event's own line is the first.
            (field.map_or(usize::MAX, |field| field + 1), mark(violation, self.say))
        });
        let mut placed: Vec<(usize, Line)> = lines.into_iter().enumerate().chain(marks).collect();
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, line)| line).collect()
    }

    fn rest(self) -> impl Iterator<Item = Line> {
        self.elsewhere.into_iter().map(move |violation| mark(violation, self.say))
    }
}

fn mark(violation: &Violation, say: fn(&Violation) -> String) -> Line {
    let text = shorten(&printable(&say(violation)), SHOWN_VIOLATION);
    Line { text: format!("{:INDENT$}^ {text}", ""), part: Part::Mark(violation.level) }
}
