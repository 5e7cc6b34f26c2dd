//! Known failures: what is wrong, understood and not mended yet.
//!
//! An entry says whose failure it is, by library or by peer, and what it looks like as
//! data; it excuses the findings that match and no others. Entries always run. What is
//! known of public libraries ships in the binary; a user's own list stands beside it,
//! and is held to what it says: an entry that matches nothing, or that passes, is an
//! error, so that the list cannot rot.

mod built_in;
mod edit;
mod read;
mod stale;

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    finding::{Explanation, Finding, Kind, Side, says, without_positions},
    identity::{Identity, Versions},
    pattern::Pattern,
    role::Role,
};

pub use built_in::built_in;
pub use edit::{add, remove};
pub use read::schema;
pub use stale::{Met, Stale};

/// A list, in the file's order.
#[derive(Debug, Default, Clone)]
pub struct KnownList {
    /// The entries.
    pub entries: Vec<Arc<Known>>,
}

/// One known failure.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Whose failure it is.
    pub whose: Whose,
    /// In which role; in either, without it.
    pub role: Option<Role>,
    /// Of which libraries the other side is; any, if there is none.
    pub with: Vec<String>,
    /// Which cases: at least one pattern.
    pub cases: Vec<Pattern>,
    /// Which kinds of findings; any, if there is none.
    pub kinds: Vec<Kind>,
    /// Where, positions left out; anywhere, without it.
    pub field: Option<String>,
    /// What comes instead of what should: one of these; anything, if there is none.
    pub got: Vec<Value>,
    /// The rules of the wire that are broken.
    pub rules: Vec<String>,
    /// Whether it is about encrypted connections alone.
    pub is_of_tls: bool,
    /// Whether its trials may pass, too: a race, say.
    pub sometimes: bool,
    /// Why it fails, and where that is tracked.
    pub explanation: Arc<Explanation>,
    /// Whether it ships in the binary.
    pub is_built_in: bool,
}

/// Whose failure it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Whose {
    /// That of these libraries.
    Implementation {
        /// Their names.
        names: Vec<String>,
        /// Which of their versions; all, without it.
        versions: Option<Versions>,
    },
    /// That of these peers of the manifest.
    Peer(Vec<Pattern>),
}

/// One side of a cell.
#[derive(Debug, Clone, Copy)]
pub struct Party<'a> {
    /// The peer's name.
    pub peer: &'a str,
    /// Which library it is made of, if anybody said so.
    pub identity: Option<&'a Identity>,
}

impl Whose {
    /// Whether this is one of them.
    #[must_use]
    pub fn includes(&self, party: Party<'_>) -> bool {
        match self {
            Self::Peer(patterns) => patterns.iter().any(|pattern| pattern.matches(party.peer)),
            Self::Implementation { names, versions } => {
                let Some(Identity { implementation, version }) = party.identity else {
                    return false;
                };
                let is_version = |versions: &Versions| {
                    version.as_ref().is_some_and(|version| versions.match_version(version))
                };
                names.contains(implementation) && versions.as_ref().is_none_or(is_version)
            }
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(patterns) => {
                let names: Vec<String> = patterns.iter().map(ToString::to_string).collect();
                write!(formatter, "peer {}", names.join(", "))
            }
            Self::Implementation { names, versions } => {
                formatter.write_str(&names.join(", "))?;
                match versions {
                    Some(versions) => write!(formatter, " {versions}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Known {
    /// Whether the entry is about this case.
    #[must_use]
    pub fn is_about(&self, case: &str) -> bool {
        self.cases.iter().any(|pattern| pattern.matches(case))
    }

    /// The roles in which it is about one of these two.
    pub fn roles_of(
        &self,
        server: Party<'_>,
        client: Party<'_>,
    ) -> impl Iterator<Item = Role> + use<> {
        let is_one = |role, party, other| {
            self.role.is_none_or(|only| only == role)
                && self.whose.includes(party)
                && self.is_with(other)
        };
        let of_server = is_one(Role::Server, server, client).then_some(Role::Server);
        let of_client = is_one(Role::Client, client, server).then_some(Role::Client);
        of_server.into_iter().chain(of_client)
    }

    fn is_with(&self, other: Party<'_>) -> bool {
        let is_one = |identity: &Identity| self.with.contains(&identity.implementation);
        self.with.is_empty() || other.identity.is_some_and(is_one)
    }

    /// Whether it explains a finding, as a failure of this side.
    #[must_use]
    pub fn explains(&self, finding: &Finding, role: Role) -> bool {
        let is_others = |side| side != Side::Unclear && side != Side::from(role);
        if finding.side.is_some_and(is_others) {
            return false;
        }
        match finding.rule() {
            Some(rule) => self.rules.iter().any(|one| one == rule),
            None => self.names_an_outcome() && self.is_outcome(finding),
        }
    }

    /// Whether it says that its trials come to this, or may.
    #[must_use]
    pub fn names(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether it is about more than rules of the wire.
    #[must_use]
    pub fn names_an_outcome(&self) -> bool {
        !self.kinds.is_empty() || self.field.is_some() || !self.got.is_empty()
    }

    /// Whether each of its trials must fail. One that names rules alone, and many cases,
    /// excuses them wherever they are broken; and a race passes as often as not.
    #[must_use]
    pub fn is_of_each(&self) -> bool {
        let is_of_all = || self.cases.iter().all(|pattern| pattern.literal().is_some());
        !self.sometimes && (self.names_an_outcome() || is_of_all())
    }

    fn is_outcome(&self, finding: &Finding) -> bool {
        let field = finding.field.as_deref().map(without_positions);
        (self.kinds.is_empty() || self.kinds.contains(&finding.kind))
            && self.field.as_ref().is_none_or(|wanted| field.as_ref() == Some(wanted))
            && (self.got.is_empty() || self.got.iter().any(|wanted| says(&finding.got, wanted)))
    }
}

#[cfg(test)]
mod tests;
