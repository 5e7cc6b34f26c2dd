//! Everything that a user wrote, loaded and checked before anything starts.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use prost_reflect::DescriptorPool;

use crate::{
    contract::Contract,
    input::{BadInput, Place},
    known::{self, KnownList, Stale},
    manifest::{Manifest, Peer},
    plan::{Plan, Selection},
    rules,
    suite::{self, Case, CaseHead, Suite},
};

/// Which cases are loaded whole, and so checked. Of the others there is the index.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// None.
    Nothing,
    /// The one of this name.
    Case(&'a str),
    /// Those of a selection's trials.
    Selected(&'a Selection),
    /// All, also those that no pair of these peers can try.
    Everything,
}

/// A manifest and all that it names.
#[derive(Debug)]
pub struct Project {
    /// The peers, and where the rest stands.
    pub manifest: Manifest,
    /// The rules.
    pub contract: Contract,
    /// The index of all cases, and those that were wanted.
    pub suites: Vec<Suite>,
    /// The user's own known failures.
    pub known: KnownList,
    /// What ships in the binary.
    pub built_in: KnownList,
}

impl Project {
    /// Loads the manifest, or the one of the working directory, and all that it
    /// names, of the cases those that are wanted.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(manifest: Option<&Path>, wanted: Wanted<'_>) -> Result<Self, BadInput> {
        let path = match manifest {
            Some(path) => path.to_owned(),
            None => found_manifest()?,
        };
        let manifest = Manifest::load(&path)?;
        let contract = Contract::load(&manifest.contract)?;
        let protos = suite::load_protos(&manifest.protos)?;
        check_services(&path, &manifest, &protos)?;
        let pairs = match wanted {
            Wanted::Selected(selection) => selection.pairs(&with_scripts(&manifest)),
            _ => Vec::new(),
        };
        let wants = |case: &CaseHead| match wanted {
            Wanted::Nothing => false,
            Wanted::Case(name) => case.name == name,
            Wanted::Selected(_) => pairs.iter().any(|pair| pair.takes(case)),
            Wanted::Everything => true,
        };
        let features = manifest.features();
        let mut suites = suite::load(&manifest.suites, &protos, &contract, &features, &wants)?;
        let place = Place::from(path.as_path());
        suites.extend(suite::programs(&manifest.peers, &protos, &place, &wants)?);
        check_suites(&path, &manifest, &suites)?;
        let known = match &manifest.known {
            // `crosswire known add` makes the file.
            Some(path) if path.exists() => KnownList::load(path)?,
            _ => KnownList::default(),
        };
        check_waivers(&manifest)?;
        Ok(Self { manifest, contract, suites, known, built_in: known::built_in()? })
    }

    /// Encrypts the cases that are plain, but for those of programs.
    pub fn encrypt(&mut self) {
        for case in self.suites.iter_mut().flat_map(|suite| &mut suite.cases) {
            if let Some(encrypted) = case.over_tls() {
                *case = Arc::new(encrypted);
            }
        }
    }

    /// What is known of every case, in the order of the suites' file names and within each
    /// file.
    #[must_use]
    pub fn index(&self) -> Vec<&CaseHead> {
        self.suites.iter().flat_map(|suite| &suite.index).collect()
    }

    /// Every case that was wanted, in the same order.
    #[must_use]
    pub fn cases(&self) -> Vec<Arc<Case>> {
        self.suites.iter().flat_map(|suite| suite.cases.iter().cloned()).collect()
    }

    /// The manifest's peers, and after them the harness itself if a case is scripted.
    #[must_use]
    pub fn peers(&self) -> Vec<Arc<Peer>> {
        match self.index().iter().any(|case| case.scripted.is_some()) {
            true => with_scripts(&self.manifest),
            false => self.manifest.peers.clone(),
        }
    }

    /// The plan of a selection, of the cases that were wanted.
    #[must_use]
    pub fn plan(&self, selection: &Selection) -> Plan {
        Plan::new(&self.peers(), &self.cases(), selection)
    }

    /// Entries of the user's list that can match nothing, whatever is selected and
    /// whatever peers say of themselves.
    #[must_use]
    pub fn stale_entries(&self) -> Vec<Stale> {
        let (pairs, index) = (Selection::everything().pairs(&self.peers()), self.index());
        self.known.hopeless(pairs.iter().flat_map(|pair| pair.trials(&index)))
    }
}

/// The manifest's peers, and after them the harness itself.
fn with_scripts(manifest: &Manifest) -> Vec<Arc<Peer>> {
    let scripted = Arc::new(Peer::scripted());
    manifest.peers.iter().cloned().chain([scripted]).collect()
}

/// What is waived is a rule of the wire: a case's own rule is what it is there for.
fn check_waivers(manifest: &Manifest) -> Result<(), BadInput> {
    for peer in &manifest.peers {
        for waived in &peer.waive {
            if !rules::RULES.iter().any(|rule| rule.id == waived.rule) {
                let (peer, rule) = (&peer.name, &waived.rule);
                let problem = format!(
                    "peer `{peer}` waives `{rule}`, which is no rule of the wire; those are {}",
                    rules_of_the_wire()
                );
                return Err(BadInput::new(manifest.path.as_path(), problem));
            }
        }
    }
    Ok(())
}

fn rules_of_the_wire() -> String {
    let ids = [rules::RULES.first(), rules::RULES.last()];
    ids.into_iter().flatten().map(|rule| rule.id).collect::<Vec<_>>().join(" to ")
}

/// A suite that there is not would leave all of a peer's cases out, unseen.
fn check_suites(path: &Path, manifest: &Manifest, suites: &[Suite]) -> Result<(), BadInput> {
    for peer in &manifest.peers {
        let is_unknown = |name: &&String| !suites.iter().any(|suite| suite.name == **name);
        if let Some(name) = peer.suites.iter().flatten().find(is_unknown) {
            let known: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
            let problem = format!(
                "peer `{}`: there is no suite `{name}`; one of {}",
                peer.name,
                known.join(", ")
            );
            return Err(BadInput::new(path, problem));
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
