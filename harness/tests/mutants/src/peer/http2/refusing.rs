//! How a request that is malformed is refused. (RFC 9113, section 8.1.1, has a stream error;
//! HTTP's answer may come before it, and a stream error may be one of the connection.)

use crosswire_http2::{
    error,
    frame::flag,
    write::{data, goaway},
};
use mutants::{mutant::Mutant, planted::planted};

use super::{
    Fields,
    state::{Ended, State},
};

/// What a browser would show.
const PAGE: &[u8] = b"<html><body>What is this?</body></html>";

impl State {
    /// Refuses what came on a stream, because it is malformed.
    pub(super) fn refuse_malformed(&mut self, id: u32) {
        if planted(Mutant::RefusesInSilence) {
            return;
        }
        // A page needs room, as all DATA does.
        let has_room = self.send_window.min(self.streams.get(&id).map_or(0, |one| one.send_window))
            >= PAGE.len() as i64;
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let (fields, page): (Fields, &[u8]) = match () {
            () if planted(Mutant::MalformedGetsPage) && has_room => {
                (vec![field(":status", "403"), field("content-type", "text/html")], PAGE)
            }
            () if planted(Mutant::MalformedGetsStatus) => (
                vec![
                    field(":status", "200"),
                    field("content-type", "application/grpc"),
                    field("grpc-status", "2"),
                ],
                b"",
            ),
            () => return self.fail(id, error::PROTOCOL_ERROR),
        };
        let ends = if page.is_empty() { flag::END_STREAM } else { 0 };
        let frames = self.blocks.frames(id, ends, fields);
        self.send(frames);
        if !page.is_empty() {
            self.send(data(id, flag::END_STREAM, page));
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.failed = Some(Ended::Reset(error::PROTOCOL_ERROR));
            stream.changed.notify_all();
        }
    }

    /// Makes an error of a stream one of the connection. Says whether it was made so.
    pub(super) fn ends_all(&mut self, code: u32) -> bool {
        if planted(Mutant::StreamErrorsEndAll) {
            let last = self.highest;
            self.send(goaway(last, code));
        } else if !planted(Mutant::StreamErrorsHangUp) {
            return false;
        }
        self.output = None;
        true
    }
}
