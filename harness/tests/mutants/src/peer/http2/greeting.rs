//! What a side sends unasked: before anything else, and, as some equivalents do, between
//! the frames of its streams.

use crosswire::role::Role;
use crosswire_http2::{
    frame::{PREFACE, flag, kind},
    settings::{
        ENABLE_PUSH, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE,
    },
    write::{data, frame, ping, settings, settings_ack, window_update},
};
use mutants::{mutant::Mutant, planted::planted};

use super::state::State;

/// A setting and a type of frame that nobody knows, and a frame that tells nobody anything.
const UNKNOWN_SETTING: u16 = 0x7a7a;
const UNKNOWN_KIND: u8 = 0xfa;

/// As large as a window can be, and what it lacks at the start (section 6.9.1).
const LARGE_WINDOW: u32 = 8 << 20;
const SMALL_WINDOW: u32 = 4000;

/// More than a header table holds anywhere.
pub(super) const LARGE_TABLE: u32 = 2 << 20;

/// More SETTINGS than anybody sends.
const MANY: usize = 100;

/// What a side sends before anything else.
pub(super) fn greeting(role: Role) -> Vec<u8> {
    let mut list = Vec::new();
    if role == Role::Client {
        list.push((ENABLE_PUSH, 0));
    }
    if role == Role::Server && planted(Mutant::OneStreamAtATime) {
        list.push((MAX_CONCURRENT_STREAMS, 1));
    }
    if planted(Mutant::UnknownSetting) {
        list.push((UNKNOWN_SETTING, 42));
    }
    if planted(Mutant::LargeWindows) {
        list.push((INITIAL_WINDOW_SIZE, LARGE_WINDOW));
    }
    if planted(Mutant::SmallWindows) {
        list.push((INITIAL_WINDOW_SIZE, SMALL_WINDOW));
    }
    if planted(Mutant::TakesLongFrames) {
        list.push((MAX_FRAME_SIZE, (1 << 24) - 1));
    }
    if planted(Mutant::LargeTable) {
        list.push((HEADER_TABLE_SIZE, LARGE_TABLE));
    }
    let mut bytes = if role == Role::Client { PREFACE.to_vec() } else { Vec::new() };
    if planted(Mutant::BeginsWithoutSettings) {
        bytes.extend(window_update(0, 1));
    }
    bytes.extend(settings(&list));
    if planted(Mutant::LargeWindows) {
        bytes.extend(window_update(0, LARGE_WINDOW));
    }
    if planted(Mutant::SettingsAgain) {
        bytes.extend(settings(&[]));
    }
    if planted(Mutant::ManySettings) {
        bytes.extend(settings(&[]).repeat(MANY));
    }
    if planted(Mutant::AcknowledgesTwice) {
        bytes.extend(settings_ack());
    }
    if planted(Mutant::PingsOften) {
        bytes.extend(ping(0, b"greeting"));
    }
    if planted(Mutant::UnknownFrames) {
        bytes.extend(frame(UNKNOWN_KIND, 0xff, 0, b"what nobody knows"));
    }
    bytes
}

/// What some equivalents put between a stream's own frames.
pub(super) fn disturbance(role: Role, stream: u32) -> Vec<u8> {
    let mut frames = Vec::new();
    if planted(Mutant::UnknownFrames) {
        frames.extend(frame(UNKNOWN_KIND, flag::END_STREAM, stream, b"what nobody knows"));
    }
    // A server may hang up on a client that pings more (gRFC A8).
    if planted(Mutant::PingsOften) && (role == Role::Server || stream == 1) {
        frames.extend(ping(0, stream.to_be_bytes().repeat(2)));
    }
    if planted(Mutant::AnswersPingUnasked) {
        frames.extend(ping(flag::ACK, b"unasked!"));
    }
    if planted(Mutant::PriorityFrames) {
        frames.extend(frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 99]));
    }
    frames
}

/// The windows that streams have from then on for whoever changes them.
const GROWN_WINDOW: u32 = 200_000;
const SHRUNK_WINDOW: u32 = 1000;

/// More empty DATA on one connection would look like an attack to h2.
const EMPTY_UNTIL_STREAM: u32 = 100;

impl State {
    /// What some equivalents put behind the first DATA of a stream.
    pub(super) fn send_amid_stream(&mut self, role: Role, stream: u32) {
        if planted(Mutant::EmptyDataAmidStream) && stream < EMPTY_UNTIL_STREAM {
            self.send(data(stream, 0, b""));
        }
        if planted(Mutant::PriorityAmidStream) && role == Role::Client {
            self.send(frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 99]));
        }
        if planted(Mutant::PingsAmidStream) && role == Role::Server {
            self.send(ping(0, stream.to_be_bytes().repeat(2)));
        }
        if planted(Mutant::SettingsAmidStream) {
            self.send(settings(&[]));
        }
        let window = match () {
            () if planted(Mutant::GrowsWindows) => GROWN_WINDOW,
            () if planted(Mutant::ShrinksWindows) => SHRUNK_WINDOW,
            () => return,
        };
        if !std::mem::replace(&mut self.has_changed_windows, true) {
            self.send(settings(&[(INITIAL_WINDOW_SIZE, window)]));
        }
    }
}
