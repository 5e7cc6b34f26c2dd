//! The entries that a header block names by a number (RFC 7541, section 2.3).

use std::collections::VecDeque;

use bytes::Bytes;

use super::OVERHEAD_BYTES;

/// The entries that are always there (appendix A). The first has the number 1.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// What a table holds of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// All of it, at this number.
    Field(usize),
    /// Its name, at this number.
    Name(usize),
}

/// The entries that a sender has added, the newest first. Names and values are
/// shared, so that an entry costs no more than what was sent for it.
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<(Bytes, Bytes)>,
    size_bytes: usize,
    max_bytes: usize,
}

impl Table {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { entries: VecDeque::new(), size_bytes: 0, max_bytes }
    }

    /// The name and value of an entry.
    pub(super) fn get(&self, index: usize) -> Option<(Bytes, Bytes)> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some(&(name, value)) => {
                Some((Bytes::from_static(name.as_bytes()), Bytes::from_static(value.as_bytes())))
            }
            None => self.entries.get(index - STATIC.len()).cloned(),
        }
    }

    /// Where it holds a field, or at least its name.
    pub(super) fn find(&self, name: &[u8], value: &[u8]) -> Option<Found> {
        let fixed = STATIC.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let added = self.entries.iter().map(|(name, value)| (&**name, &**value));
        let mut found = None;
        for (index, entry) in (1..).zip(fixed.chain(added)) {
            if entry == (name, value) {
                return Some(Found::Field(index));
            }
            if entry.0 == name && found.is_none() {
                found = Some(Found::Name(index));
            }
        }
        found
    }

    /// Adds an entry. One that is larger than the table empties it, as it must
    /// (section 4.4).
    pub(super) fn insert(&mut self, name: Bytes, value: Bytes) {
        self.size_bytes += size(&name, &value);
        self.entries.push_front((name, value));
        self.shrink();
    }

    pub(super) fn resize(&mut self, max_bytes: usize) {
        self.max_bytes = max_bytes;
        self.shrink();
    }

    /// Lets the table hold no more than this.
    pub(super) fn reduce(&mut self, max_bytes: usize) {
        self.resize(self.max_bytes.min(max_bytes));
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = super::Field> + '_ {
        let field = |(name, value): &(Bytes, Bytes)| super::Field {
            name: name.clone(),
            value: value.clone(),
        };
        self.entries.iter().map(field)
    }

    /// How much it holds, as it is counted.
    pub(super) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    fn shrink(&mut self) {
        while self.size_bytes > self.max_bytes {
            let Some((name, value)) = self.entries.pop_back() else { return };
            self.size_bytes -= size(&name, &value);
        }
    }
}

fn size(name: &Bytes, value: &Bytes) -> usize {
    name.len() + value.len() + OVERHEAD_BYTES
}
