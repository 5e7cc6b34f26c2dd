//! The cases of clients that are just programs: the manifest names them, and no suite does.

use std::sync::Arc;

use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::check_name;
use crate::{
    input::{BadInput, Place},
    manifest::{Peer, Program},
    suite::{
        case::{Case, CaseHead, Suite},
        program::ProgramRun,
    },
};

/// The first segment of the names of such cases.
const SUITE: &str = "program";

/// The rule that such a case checks, where the contract has it.
const RULE: &str = "PROGRAM-1";

/// The cases of the programs among these peers, those that are wanted whole; `None` if there
/// are no programs.
///
/// # Errors
/// The name of a case is none.
pub fn programs(
    peers: &[Arc<Peer>],
    protos: &DescriptorPool,
    place: &Place,
    wants: &dyn Fn(&CaseHead) -> bool,
) -> Result<Option<Suite>, BadInput> {
    let methods: Arc<[MethodDescriptor]> =
        protos.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let mut cases = Vec::new();
    for peer in peers {
        let Some(program) = peer.program() else { continue };
        for name in &program.cases {
            check_name("case", name).map_err(|problem| {
                BadInput::new(place.clone(), format_args!("peer `{}`: {problem}", peer.name))
            })?;
            cases.push(case(&peer.name, program, name, place, &methods));
        }
    }
    if cases.is_empty() {
        return Ok(None);
    }
    let index: Vec<CaseHead> = cases.iter().map(Case::head).collect();
    let wanted = cases.into_iter().zip(&index).filter(|(_, head)| wants(head));
    let cases = wanted.map(|(case, _)| Arc::new(case)).collect();
    Ok(Some(Suite { name: SUITE.to_owned(), source: None, index, cases }))
}

fn case(
    peer: &str,
    program: &Program,
    name: &str,
    place: &Place,
    methods: &Arc<[MethodDescriptor]>,
) -> Case {
    let run =
        ProgramRun { peer: peer.to_owned(), case: name.to_owned(), methods: Arc::clone(methods) };
    let call = run.call("", program.timeout);
    let name = format!("{SUITE}/{peer}/{name}");
    let why = "the program makes its own calls, and says by its exit status what came of them";
    Case {
        needs: program.needs.clone(),
        // Nothing is added to what it sends: its connections tell its calls.
        is_pristine: true,
        program: Some(run),
        ..Case::new(&name, RULE, why, place.clone(), vec![call])
    }
}
