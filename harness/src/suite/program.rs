//! Cases of clients that are just programs: the manifest names them, and no suite does.

use std::{sync::Arc, time::Duration};

use prost_reflect::{DescriptorPool, MethodDescriptor};
use serde::Serialize;

use super::{
    call::{Call, Method},
    case::{Case, CaseHead, Suite},
    expect::Expect,
    load::check_name,
};
use crate::{
    feature::ServerFeature,
    input::{BadInput, Place},
};

/// The first segment of the names of such cases.
const SUITE: &str = "program";

/// The rule that such a case checks, where the contract has it.
const RULE: &str = "PROGRAM-1";

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

/// What a manifest says of a program.
#[derive(Debug, Clone, Copy)]
pub struct Programs<'a> {
    /// The peer whose client it is.
    pub peer: &'a str,
    /// What it can be told to do.
    pub cases: &'a [String],
    /// How long it may take for one of them.
    pub timeout: Duration,
    /// Features that its servers must have.
    pub needs: &'a [ServerFeature],
}

/// The cases of programs, those that are wanted whole; `None` if there are no programs.
///
/// # Errors
/// The name of a case is none.
pub fn programs(
    programs: &[Programs<'_>],
    protos: &DescriptorPool,
    place: &Place,
    wants: &dyn Fn(&CaseHead) -> bool,
) -> Result<Option<Suite>, BadInput> {
    if programs.is_empty() {
        return Ok(None);
    }
    let methods: Arc<[MethodDescriptor]> =
        protos.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let mut cases = Vec::new();
    for program in programs {
        for name in program.cases {
            check_name("case", name).map_err(|problem| {
                BadInput::new(place.clone(), format_args!("peer `{}`: {problem}", program.peer))
            })?;
            cases.push(case(program, name, place, &methods));
        }
    }
    let index: Vec<CaseHead> = cases.iter().map(Case::head).collect();
    let wanted = cases.into_iter().zip(&index).filter(|(_, head)| wants(head));
    let cases = wanted.map(|(case, _)| Arc::new(case)).collect();
    Ok(Some(Suite { name: SUITE.to_owned(), source: None, index, cases }))
}

fn case(
    program: &Programs<'_>,
    name: &str,
    place: &Place,
    methods: &Arc<[MethodDescriptor]>,
) -> Case {
    let run = ProgramRun {
        peer: program.peer.to_owned(),
        case: name.to_owned(),
        methods: Arc::clone(methods),
    };
    let call = run.call("", program.timeout);
    let name = format!("{SUITE}/{}/{name}", program.peer);
    let why = "the program makes its own calls, and says by its exit status what came of them";
    Case {
        needs: program.needs.to_vec(),
        // Nothing is added to what it sends: its connections tell its calls.
        is_pristine: true,
        program: Some(run),
        ..Case::new(&name, RULE, why, place.clone(), vec![call])
    }
}
