//! Everything that a user wrote, loaded and checked before anything starts.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use prost_reflect::DescriptorPool;

use crate::{
    contract::Contract,
    input::BadInput,
    known::{self, KnownList, Stale},
    manifest::{Manifest, Peer},
    plan::{Plan, Selection},
    rules,
    suite::{self, Case, Suite},
};

/// A manifest and all that it names.
#[derive(Debug)]
pub struct Project {
    /// The peers, and where the rest stands.
    pub manifest: Manifest,
    /// The rules.
    pub contract: Contract,
    /// The cases.
    pub suites: Vec<Suite>,
    /// The user's own known failures.
    pub known: KnownList,
    /// What ships in the binary.
    pub built_in: KnownList,
}

impl Project {
    /// Loads the manifest, or the one of the working directory, and all that it
    /// names.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(manifest: Option<&Path>) -> Result<Self, BadInput> {
        let path = match manifest {
            Some(path) => path.to_owned(),
            None => found_manifest()?,
        };
        let manifest = Manifest::load(&path)?;
        let contract = Contract::load(&manifest.contract)?;
        let protos = suite::load_protos(&manifest.protos)?;
        check_services(&path, &manifest, &protos)?;
        let suites = suite::load(&manifest.suites, &protos, &contract, &manifest.features())?;
        let known = match &manifest.known {
            // `crosswire known add` makes the file.
            Some(path) if path.exists() => KnownList::load(path)?,
            _ => KnownList::default(),
        };
        check_waivers(&manifest)?;
        Ok(Self { manifest, contract, suites, known, built_in: known::built_in()? })
    }

    /// Every case, in the order of the suites' file names and within each file.
    #[must_use]
    pub fn cases(&self) -> Vec<Arc<Case>> {
        self.suites.iter().flat_map(|suite| suite.cases.iter().cloned()).collect()
    }

    /// The manifest's peers, and after them the harness itself if a case is scripted.
    #[must_use]
    pub fn peers(&self) -> Vec<Arc<Peer>> {
        let mut peers = self.manifest.peers.clone();
        let mut cases = self.suites.iter().flat_map(|suite| &suite.cases);
        if cases.any(|case| case.script.is_some()) {
            peers.push(Arc::new(Peer::scripted()));
        }
        peers
    }

    /// The plan of a selection.
    #[must_use]
    pub fn plan(&self, selection: &Selection) -> Plan {
        Plan::new(&self.peers(), &self.cases(), selection)
    }

    /// Entries of the user's list that can match nothing, whatever is selected and
    /// whatever peers say of themselves.
    #[must_use]
    pub fn stale_entries(&self) -> Vec<Stale> {
        let plan = self.plan(&Selection::everything());
        self.known.hopeless(plan.names())
    }
}

/// What is waived is a rule of the wire: a case's own rule is what it is there for.
fn check_waivers(manifest: &Manifest) -> Result<(), BadInput> {
    for peer in &manifest.peers {
        for waived in &peer.waive {
            if !rules::RULES.iter().any(|rule| rule.id == waived.rule) {
                let (peer, rule) = (&peer.name, &waived.rule);
                let problem = format!(
                    "peer `{peer}` waives `{rule}`, which is no rule of the wire; `crosswire list rules` shows those that every call is judged by"
                );
                return Err(BadInput::new(manifest.path.as_path(), problem));
            }
        }
    }
    Ok(())
}

/// A service that no proto has would leave all of a peer's cases out, unseen.
fn check_services(
    path: &Path,
    manifest: &Manifest,
    protos: &DescriptorPool,
) -> Result<(), BadInput> {
    for peer in &manifest.peers {
        let mut services = peer.services.iter().flatten();
        let unknown = services.find(|service| protos.get_service_by_name(service).is_none());
        if let Some(service) = unknown {
            let known: Vec<String> =
                protos.services().map(|service| service.full_name().to_owned()).collect();
            let known = known.join(", ");
            let problem = format!(
                "peer `{}`: the protos have no service `{service}`; one of {known}",
                peer.name
            );
            return Err(BadInput::new(path, problem));
        }
    }
    Ok(())
}

/// The manifest of the working directory, named from there where that is shorter.
fn found_manifest() -> Result<PathBuf, BadInput> {
    let folder =
        std::env::current_dir().map_err(|error| BadInput::new("working directory", error))?;
    let path = Manifest::find(&folder)?;
    Ok(path.strip_prefix(&folder).map(Path::to_owned).unwrap_or(path))
}
