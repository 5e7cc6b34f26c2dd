//! A program in the place of a client, and the calls that it makes.

use std::{sync::Arc, time::Duration};

use prost_reflect::MethodDescriptor;
use serde::Serialize;

use super::{
    call::{Call, Method},
    expect::Expect,
};

/// A run of a program in the place of a client.
#[derive(Debug, Clone, Serialize)]
pub struct ProgramRun {
    /// The peer whose client it is.
    pub peer: String,
    /// What it is told to do: `{case}` in its command.
    pub case: String,
    /// The methods that there are, to read by what it calls.
    #[serde(skip)]
    pub methods: Arc<[MethodDescriptor]>,
}

impl ProgramRun {
    /// The call that it makes of a method by its own mind: nobody has told it what to ask.
    #[must_use]
    pub fn call(&self, path: &str, timeout: Duration) -> Call {
        let descriptor = self.methods.iter().find(|method| path_of(method) == path).cloned();
        let method = Method { path: path.to_owned(), descriptor };
        Call { is_own: true, ..Call::new(method, Vec::new(), timeout, Expect::default()) }
    }
}

fn path_of(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}
