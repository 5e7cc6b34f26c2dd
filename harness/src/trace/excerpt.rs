//! The few lines of a call that the console shows.

use std::collections::BTreeSet;

use super::{Line, NOTHING_SEEN, Part, TraceInput, event::Narrator, lines, shut_windows, start};
use crate::{
    contract::Level,
    observe::Waited,
    role::Role,
    suite::{AnyOf, Awaited},
    wire::transcript::{Aside, Event, What},
};

/// How many lines an excerpt has at most.
pub const EXCERPT_LINES: usize = 8;

/// At most [`EXCERPT_LINES`] lines: what breaks a rule, with its surroundings; if
/// nothing does, the windows that are shut, how the exchange came to its end and what bears
/// on what a script waits for; if there was none, what passed instead.
#[must_use]
pub fn excerpt(input: &TraceInput<'_>) -> Vec<String> {
    let all = lines(input);
    let marked = around_marks(&all);
    if !marked.is_empty() {
        return marked.into_iter().map(|index| all[index].text.clone()).collect();
    }
    let mut chosen: Vec<String> = match input.transcripts.last() {
        Some(last) => shut_windows(last, start(input)).collect(),
        None => vec![NOTHING_SEEN.to_owned()],
    };
    let told = told(input);
    if told.is_empty() {
        return all.into_iter().take(EXCERPT_LINES).map(|line| line.text).collect();
    }
    chosen.extend(weightiest(told, EXCERPT_LINES - chosen.len()));
    chosen
}

/// How much an event says about what came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It is there.
    Little,
    /// It tells how the call ended.
    Some,
    /// Its kind is what was waited for.
    Awaited,
    /// It ends the connection for all of its calls.
    Most,
}

/// The lines of the last transcript and of what passed beside it, each with its weight.
fn told(input: &TraceInput<'_>) -> Vec<(Weight, String)> {
    let start = start(input);
    let weigh = |event: &Event| match event.what {
        What::GoAway { .. } => Weight::Most,
        _ if is_awaited(event, input.waited) => Weight::Awaited,
        _ if is_of_the_end(event) => Weight::Some,
        _ => Weight::Little,
    };
    let mut told = Vec::new();
    let mut tell = |narrator: &mut Narrator<'_>, event: &Event| {
        let lines = narrator.tell(event).into_iter();
        told.extend(lines.map(|line| (event.at, weigh(event), line.text)));
    };
    if let Some(last) = input.transcripts.last() {
        let mut narrator = Narrator::new(input.call, last, start);
        last.events().for_each(|event| tell(&mut narrator, event));
    }
    let is_alone = input.transcripts.is_empty();
    let mut narrator = Narrator::of_connection(input.call, start);
    for event in input.asides.iter().flat_map(Aside::events) {
        // Whoever is done closes its connection.
        let is_of_weight =
            weigh(event) > Weight::Some || (input.waited.is_some() && is_of_the_end(event));
        if is_alone || is_of_weight {
            tell(&mut narrator, event);
        }
    }
    told.sort_by_key(|(at, ..)| *at);
    let has_weight = told.iter().any(|(_, weight, _)| *weight > Weight::Little);
    let told = told
        .into_iter()
        .filter(|(_, weight, _)| !has_weight || is_alone || *weight > Weight::Little);
    told.map(|(_, weight, text)| (weight, text)).collect()
}

/// So many lines, in their order: of each weight the last. What weighs most leaves half of
/// the room to the end of the call.
fn weightiest(told: Vec<(Weight, String)>, most: usize) -> Vec<String> {
    let of = |weight| {
        let lines = told.iter().enumerate().rev().filter(move |(_, (of, _))| *of == weight);
        lines.map(|(index, _)| index)
    };
    let weights = [Weight::Most, Weight::Awaited, Weight::Some, Weight::Little];
    let shares = [most / 2, most / 2, most, 0];
    let mut chosen = BTreeSet::new();
    for (weight, share) in weights.into_iter().zip(shares) {
        let room = share.min(most - chosen.len());
        chosen.extend(of(weight).take(room));
    }
    for index in weights.into_iter().flat_map(of) {
        if chosen.len() < most {
            chosen.insert(index);
        }
    }
    let lines = told.into_iter().enumerate().filter(|(index, _)| chosen.contains(index));
    lines.map(|(_, (_, text))| text).collect()
}

/// Whether an event tells how a call ended.
fn is_of_the_end(event: &Event) -> bool {
    match event.what {
        What::Headers { .. } => event.from == Role::Server,
        What::Reset { .. } | What::Fragment(_) | What::GoAway { .. } | What::Closed(_) => true,
        _ => false,
    }
}

/// Whether an event is of the kind that a script waits for, or what would be answered by it.
fn is_awaited(event: &Event, waited: Option<&Waited>) -> bool {
    match waited {
        Some(Waited::ForOne(AnyOf(awaited))) => awaited.iter().any(|awaited| match event.what {
            What::Settings(_) | What::SettingsAck { .. } => {
                matches!(awaited, Awaited::Settings | Awaited::SettingsAck)
            }
            What::Ping(_) | What::Pong { .. } => *awaited == Awaited::PingAck,
            What::WindowUpdate { .. } | What::ConnectionWindowUpdate { .. } => {
                *awaited == Awaited::WindowUpdate
            }
            _ => false,
        }),
        Some(Waited::ForRoom(_)) => matches!(
            event.what,
            What::Data { .. } | What::WindowUpdate { .. } | What::ConnectionWindowUpdate { .. }
        ),
        _ => false,
    }
}

/// The lines of violations with what they are about; a MUST comes before a SHOULD.
fn around_marks(lines: &[Line]) -> BTreeSet<usize> {
    let mut chosen = BTreeSet::new();
    let mut choose = |indices: &[usize]| {
        let new = indices.iter().filter(|index| !chosen.contains(*index)).count();
        if chosen.len() + new <= EXCERPT_LINES {
            chosen.extend(indices);
        }
    };
    let of_level = |level| {
        let marks = lines.iter().enumerate().filter(move |(_, l)| l.part == Part::Mark(level));
        marks.map(|(index, _)| index)
    };
    let marks: Vec<usize> = of_level(Level::Must).chain(of_level(Level::Should)).collect();
    let event_of = |mark: usize| lines[..mark].iter().rposition(|l| l.part == Part::Event);
    for &mark in &marks {
        choose(&[mark]);
        if let Some(event) = event_of(mark) {
            let above = lines[..mark].iter().rposition(|l| !matches!(l.part, Part::Mark(_)));
            choose(&[event, above.unwrap_or(event)]);
        }
    }
    for &mark in &marks {
        let before = event_of(mark).and_then(event_of);
        let is_event = |line: &&Line| line.part != Part::Heading;
        let after = lines.get(mark + 1).filter(is_event).map(|_| mark + 1);
        before.into_iter().chain(after).for_each(|index| choose(&[index]));
    }
    chosen
}
