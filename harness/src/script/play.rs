//! Takes a connection through the steps of a script.

use crosswire_http2::{
    frame::{flag, kind},
    write,
};
use tokio::time::{Instant, timeout_at};

use super::link::Link;
use crate::{
    observe::{Instead, Stalled, Waited},
    suite::{AnyOf, Cut, Step, StreamRef},
};

/// The longest frame that everybody takes (RFC 9113, section 6.5.2).
const MAX_FRAME_BYTES: usize = 16_384;

/// How far a script has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is at a step that must come to its end: where it stops if the time is over now.
    At(Stalled),
    /// It waits for what need not come. If that comes, what follows must, too.
    Optional,
}

/// Plays the steps. `progress` is told of each before it begins, and of what comes of it.
pub(super) async fn play(
    link: &mut Link,
    steps: &[Step],
    until: Instant,
    mut progress: impl FnMut(&Link, Stage),
) -> Result<(), Stalled> {
    for (index, step) in steps.iter().enumerate() {
        let late =
            |waited| Stalled { step: Some(index), waited, instead: Vec::new(), is_late: true };
        match step {
            Step::WaitFor(_) => {}
            Step::MayWaitFor(_) => progress(link, Stage::Optional),
            _ => progress(link, Stage::At(late(Waited::ForNothing))),
        }
        match step {
            Step::Headers { .. } => send_headers(link, step),
            Step::Data { stream, content, ends_stream, pieces, padding, heeds_windows } => {
                let data = Data {
                    stream: number(link, *stream),
                    content,
                    ends_stream: *ends_stream,
                    padding: *padding,
                };
                let room = heeds_windows.then_some(until);
                let shut = |link: &Link, shut| progress(link, Stage::At(late(shut)));
                send_data(link, &data, pieces, room, shut).await.map_err(late)?;
            }
            Step::Frame { kind, flags, stream, payload } => {
                let frame = write::frame(*kind, *flags, number(link, *stream), payload);
                link.send(frame);
            }
            Step::GoAway { stream, last, code, debug } => {
                let (last, code) = (link.number(*last).to_be_bytes(), code.to_be_bytes());
                let payload = [&last, &code, debug.as_bytes()].concat();
                link.send(write::frame(kind::GOAWAY, 0, number(link, *stream), &payload));
            }
            Step::Settings(settings) => link.send(write::settings(&settings.0)),
            Step::Bytes(bytes) => link.send(bytes.clone()),
            Step::Hold(holds) => link.hold(*holds),
            Step::WaitFor(awaited) => {
                let at = |instead| Stalled { instead, ..late(Waited::ForOne(awaited.clone())) };
                let came = |link: &Link, instead| progress(link, Stage::At(at(instead)));
                if let Err(is_late) = wait(link, awaited, until, came).await {
                    return Err(Stalled { is_late, ..at(link.instead(awaited)) });
                }
            }
            Step::MayWaitFor(awaited) => {
                if wait(link, awaited, until, |_, _| {}).await.is_err() {
                    return Ok(());
                }
            }
            Step::Pause(pause) => {
                let end = Instant::now() + *pause;
                // What follows has still to be answered.
                while timeout_at(end.min(until), link.read_some()).await.is_ok() {}
            }
            Step::Close(Cut::Close) => link.close(),
            Step::Close(Cut::Reset) => link.reset(until).await,
        }
    }
    Ok(())
}

/// The error is whether it did not come although it could: otherwise, it cannot any more. `came` is
/// told of what comes instead, first of what has come before.
async fn wait(
    link: &mut Link,
    awaited: &AnyOf,
    until: Instant,
    mut came: impl FnMut(&Link, Vec<Instead>),
) -> Result<(), bool> {
    let mut told = None;
    while !link.has_come(awaited) {
        if link.is_in_vain(awaited) {
            return Err(false);
        }
        let instead = link.instead(awaited);
        if told.as_ref() != Some(&instead) {
            came(link, instead.clone());
            told = Some(instead);
        }
        let end = link.end_of_all().map_or(until, |end| end.min(until));
        if timeout_at(end, link.read()).await.is_err() {
            return Err(true);
        }
    }
    Ok(())
}

fn number(link: &Link, stream: StreamRef) -> u32 {
    match stream {
        StreamRef::Current => link.current(),
        StreamRef::Number(number) => link.number(number),
    }
}

fn send_headers(link: &mut Link, step: &Step) {
    let Step::Headers { opens, stream, block, flags, ends_block, pieces, padding, has_priority } =
        step
    else {
        return;
    };
    let stream = if *opens { link.open() } else { number(link, *stream) };
    let mut rest = &block[..];
    let mut sizes = Sizes::new(pieces, MAX_FRAME_BYTES - 256);
    let mut kind = kind::HEADERS;
    loop {
        let (piece, left) = rest.split_at(sizes.next_size().min(rest.len()));
        rest = left;
        let mut flags = if kind == kind::HEADERS { *flags } else { 0 };
        let mut payload = piece.to_vec();
        if kind == kind::HEADERS {
            if *has_priority {
                flags |= flag::PRIORITY;
                payload.splice(0..0, [0, 0, 0, 0, 15]);
            }
            if let Some(padding) = *padding {
                flags |= flag::PADDED;
                pad(&mut payload, padding);
            }
        }
        if rest.is_empty() && *ends_block {
            flags |= flag::END_HEADERS;
        }
        link.send(write::frame(kind, flags, stream, &payload));
        kind = kind::CONTINUATION;
        if rest.is_empty() {
            return;
        }
    }
}

struct Data<'a> {
    stream: u32,
    content: &'a [u8],
    ends_stream: bool,
    padding: Option<u8>,
}

/// Sends all of it, as far as the other side wants it. Without a time, windows are not
/// heeded; the error says what was waited for when it was over, of which `shut` is told
/// when the wait begins.
async fn send_data(
    link: &mut Link,
    data: &Data<'_>,
    pieces: &[usize],
    until: Option<Instant>,
    mut shut: impl FnMut(&Link, Waited),
) -> Result<(), Waited> {
    let mut rest = data.content;
    let mut sizes = Sizes::new(pieces, MAX_FRAME_BYTES - 256);
    loop {
        let mut size = sizes.next_size().min(rest.len());
        let overhead = data.padding.map_or(0, |padding| 1 + usize::from(padding));
        if let Some(until) = until {
            let least = overhead + size.min(1);
            let mut told = None;
            while link.windows.room(data.stream) < least {
                if link.is_unwanted(data.stream) {
                    return Ok(());
                }
                let windows = link.windows.shut(data.stream, least);
                if told.as_ref() != Some(&windows) {
                    shut(link, Waited::ForRoom(windows.clone()));
                    told = Some(windows);
                }
                if timeout_at(until, link.read()).await.is_err() {
                    return Err(Waited::ForRoom(link.windows.shut(data.stream, least)));
                }
            }
            size = size.min(link.windows.room(data.stream) - overhead);
        }
        let (piece, left) = rest.split_at(size);
        rest = left;
        let mut payload = piece.to_vec();
        let mut flags = 0;
        if let Some(padding) = data.padding {
            flags |= flag::PADDED;
            pad(&mut payload, padding);
        }
        if rest.is_empty() && data.ends_stream {
            flags |= flag::END_STREAM;
        }
        link.windows.spend(data.stream, payload.len());
        link.send(write::frame(kind::DATA, flags, data.stream, &payload));
        if rest.is_empty() {
            return Ok(());
        }
    }
}

fn pad(payload: &mut Vec<u8>, padding: u8) {
    payload.insert(0, padding);
    payload.resize(payload.len() + usize::from(padding), 0);
}

/// The sizes of the pieces that something is cut into; the last stands for all that
/// follow.
struct Sizes<'a> {
    given: std::slice::Iter<'a, usize>,
    last: usize,
}

impl<'a> Sizes<'a> {
    fn new(given: &'a [usize], otherwise: usize) -> Self {
        Self { given: given.iter(), last: otherwise }
    }

    fn next_size(&mut self) -> usize {
        if let Some(size) = self.given.next() {
            self.last = *size;
        }
        self.last
    }
}
