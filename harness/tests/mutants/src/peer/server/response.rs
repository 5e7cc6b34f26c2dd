//! A response: its headers, its messages, and how it ends.

use std::time::Instant;

use crosswire_http2::error;
use mutants::{mutant::Mutant, planted::planted};

use super::refusal::OtherAnswer;
use crate::{
    grpc::{
        compression,
        messages::frame,
        metadata::{self, Entry},
        status::{Status, code},
    },
    http2::{Connection, Ended, Fields},
};

/// The response to one call.
pub(super) struct Response<'a> {
    pub(super) connection: &'a Connection,
    pub(super) stream: u32,
    pub(super) deadline: Option<Instant>,
    /// Whether the client takes compressed messages.
    pub(super) offers_gzip: bool,
    /// Whether messages may wait for each other.
    pub(super) may_hold: bool,
    /// What its first block carries beside what every response has.
    headers: Fields,
    trailers: Fields,
    has_begun: bool,
    /// Messages that wait for one more, to be sent in one DATA.
    held: Vec<u8>,
}

impl<'a> Response<'a> {
    pub(super) fn new(connection: &'a Connection, stream: u32) -> Self {
        Self {
            connection,
            stream,
            deadline: None,
            offers_gzip: false,
            may_hold: false,
            headers: Fields::new(),
            trailers: Fields::new(),
            has_begun: false,
            held: Vec::new(),
        }
    }

    pub(super) fn set_headers(&mut self, entries: &[Entry], is_compressed: bool) {
        self.headers = metadata::write(&sent_back(entries));
        if is_compressed && !planted(Mutant::FlagWithoutEncoding) {
            self.headers
                .push(("grpc-encoding".to_owned(), compression::encoding().as_bytes().to_vec()));
        }
    }

    pub(super) fn set_trailers(&mut self, entries: &[Entry]) {
        self.trailers = metadata::write(&sent_back(entries));
    }

    /// Sends the headers, unless they were.
    pub(super) fn begin(&mut self) -> Result<(), Ended> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let mut fields = head();
        fields.append(&mut self.headers);
        let names_encoding = fields.iter().any(|(name, _)| name == "grpc-encoding");
        if planted(Mutant::NamesGzipUnused) && self.offers_gzip && !names_encoding {
            fields.push(("grpc-encoding".to_owned(), b"gzip".to_vec()));
        }
        if planted(Mutant::StatusInHeaders) {
            fields.push(("grpc-status".to_owned(), b"0".to_vec()));
        }
        if planted(Mutant::InformsFirst) {
            let informational = vec![(":status".to_owned(), b"103".to_vec())];
            self.connection.send_headers(self.stream, informational, false)?;
        }
        if planted(Mutant::DataBeforeHeaders) {
            self.connection.send_data(self.stream, &frame(b"", false), false, self.deadline)?;
        }
        self.connection.send_headers(self.stream, fields, false)?;
        if planted(Mutant::EmptyData) && self.stream < EMPTY_UNTIL_STREAM {
            self.connection.send_empty_data(self.stream);
        }
        Ok(())
    }

    pub(super) fn message(&mut self, payload: &[u8], is_compressed: bool) -> Result<(), Ended> {
        if planted(Mutant::DropsEmptyMessages) && payload.is_empty() {
            return Ok(());
        }
        self.begin()?;

        let framed = frame(payload, is_compressed);
        let holds = planted(Mutant::SeveralMessagesInOne) || planted(Mutant::AnswersTogether);
        if holds && self.may_hold {
            self.held.extend(framed);
            // Not so many that it would no longer be a stream.
            let most = if planted(Mutant::AnswersTogether) { MORE_HELD_BYTES } else { HELD_BYTES };
            return if self.held.len() < most { Ok(()) } else { self.flush() };
        }
        self.connection.send_data(self.stream, &framed, false, self.deadline)?;
        Ok(())
    }

    /// Sends the prefix of a message alone; what follows it is to be sent next.
    pub(super) fn prefix(&mut self, payload: &[u8]) -> Result<(), Ended> {
        self.begin()?;
        let framed = frame(payload, false);
        let prefix = &framed[..framed.len() - payload.len()];
        self.connection.send_data(self.stream, prefix, false, self.deadline)?;
        Ok(())
    }

    /// Sends what follows a prefix.
    pub(super) fn rest(&self, payload: &[u8]) -> Result<(), Ended> {
        self.connection.send_data(self.stream, payload, false, self.deadline)?;
        Ok(())
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> Result<(), Ended> {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.connection.send_data(self.stream, &held, false, self.deadline)?;
        }
        Ok(())
    }

    /// Ends the call.
    pub(super) fn end(&mut self, status: &Status) -> Result<(), Ended> {
        self.flush()?;
        let is_whole = planted(Mutant::NeverTrailersOnly);
        if !self.headers.is_empty() || status.code == code::OK || is_whole {
            self.begin()?;
        }
        if planted(Mutant::EndsWithReset) && status.code != code::OK {
            self.connection.reset(self.stream, error::INTERNAL_ERROR);
            return Ok(());
        }
        if planted(Mutant::EndsWithData) && self.has_begun {
            self.connection.send_data(self.stream, b"", true, self.deadline)?;
            return Ok(());
        }
        let mut fields = if self.has_begun { Fields::new() } else { head() };
        fields.extend(status.fields());
        let loses_trailers = planted(Mutant::ErrorsLoseTrailers) && status.code != code::OK;
        if !loses_trailers {
            fields.append(&mut self.trailers);
        }
        let ends = !planted(Mutant::TrailersWithoutEnd);
        self.connection.send_headers(self.stream, fields.clone(), ends)?;
        if planted(Mutant::TrailersTwice) {
            self.connection.send_headers(self.stream, fields, true)?;
        }
        if planted(Mutant::ResetsAfterTrailers) {
            self.connection.reset(self.stream, error::NO_ERROR);
        }
        if planted(Mutant::DataAfterTrailers) {
            self.connection.send_empty_data(self.stream);
        }
        Ok(())
    }

    /// Refuses with an HTTP status and a status.
    pub(super) fn refuse_with_status(&self, http: u16, status: &Status) -> Result<(), Ended> {
        let mut fields = head();
        fields[0].1 = http.to_string().into_bytes();
        fields.extend(status.fields());
        self.connection.send_headers(self.stream, fields, true)
    }

    /// Answers as another protocol has it.
    pub(super) fn other(&self, answer: &OtherAnswer) -> Result<(), Ended> {
        let fields = vec![
            (":status".to_owned(), b"200".to_vec()),
            ("content-type".to_owned(), answer.content_type.as_bytes().to_vec()),
        ];
        self.connection.send_headers(self.stream, fields, false)?;
        self.connection.send_data(self.stream, &answer.body, true, self.deadline)?;
        Ok(())
    }

    /// Answers what is no gRPC.
    pub(super) fn refuse(&self, status: u16) -> Result<(), Ended> {
        let mut fields = vec![(":status".to_owned(), status.to_string().into_bytes())];
        let (media, body) = match () {
            () if planted(Mutant::RefusesWithAPage) || planted(Mutant::LimitsHeaders) => {
                ("text/html", "<html><body>This is no gRPC.</body></html>")
            }
            () if planted(Mutant::RefusesInJson) => {
                ("application/json", r#"{"code":"unimplemented","message":"This is no gRPC."}"#)
            }
            () => return self.connection.send_headers(self.stream, fields, true),
        };
        fields.push(("content-type".to_owned(), media.as_bytes().to_vec()));
        fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        self.connection.send_headers(self.stream, fields, false)?;
        self.connection.send_data(self.stream, body.as_bytes(), true, self.deadline)?;
        Ok(())
    }
}

/// More empty DATA on one connection would look like an attack to h2.
const EMPTY_UNTIL_STREAM: u32 = 100;

/// So much is held at most, and so much of what is answered to one request.
const HELD_BYTES: usize = 40;
const MORE_HELD_BYTES: usize = 60_000;

/// How every response begins.
fn head() -> Fields {
    let content_type = match () {
        () if planted(Mutant::WrongContentType) => "text/plain",
        () if planted(Mutant::NamesCodec) => "application/grpc+proto",
        () if planted(Mutant::NamesCharset) => "application/grpc;charset=utf-8",
        () => "application/grpc",
    };
    let mut fields = vec![
        (":status".to_owned(), b"200".to_vec()),
        ("content-type".to_owned(), content_type.as_bytes().to_vec()),
    ];
    let mut add = |name: &str, value: &str| {
        fields.push((name.to_owned(), value.as_bytes().to_vec()));
    };
    if planted(Mutant::ExtraMetadata) {
        add("server", "mutant/1.0");
        add("date", "Thu, 01 Jan 1970 00:00:00 GMT");
        add("x-extra", "1");
        add("x-extra", "2");
    }
    let offers = if planted(Mutant::OffersEncodings) { "identity,gzip" } else { "gzip" };
    add("grpc-accept-encoding", offers);
    fields
}

/// Entries as they are sent back.
fn sent_back(entries: &[Entry]) -> Vec<Entry> {
    if planted(Mutant::ReordersMetadata) {
        return entries.iter().rev().cloned().collect();
    }
    entries.to_vec()
}
