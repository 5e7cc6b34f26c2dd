//! The plan: every trial of a run, in the order of every report. Pure.

use std::sync::Arc;

use crate::{
    filter::{Filter, Subject},
    manifest::{ClientSpec, Peer, ServerSpec},
    role::Role,
    suite::{Call, Case, CaseHead},
};

/// What a run will do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The cells with at least one trial, servers before clients, as in the manifest.
    pub cells: Vec<Cell>,
}

/// One server with one client.
#[derive(Debug)]
pub struct Cell {
    /// The server's peer; it has a server.
    pub server: Arc<Peer>,
    /// The client's peer; it has a client.
    pub client: Arc<Peer>,
    /// The cell's trials, in the suites' order.
    pub trials: Vec<Trial>,
}

/// One case in one cell.
#[derive(Debug)]
pub struct Trial {
    /// What is tried.
    pub case: Arc<Case>,
    /// Why it cannot be tried here, where the manifest says so.
    pub unsupported: Option<String>,
}

/// Which trials are wanted.
#[derive(Debug)]
pub struct Selection {
    /// Only these servers, or all of them if empty.
    pub servers: Vec<String>,
    /// Only these clients, or all of them if empty.
    pub clients: Vec<String>,
    /// Only what matches.
    pub filter: Filter,
}

impl Selection {
    /// Every trial there is.
    #[must_use]
    pub const fn everything() -> Self {
        Self { servers: Vec::new(), clients: Vec::new(), filter: Filter::All }
    }

    /// Every server with every client, as in the manifest, unless none of their trials is
    /// selected.
    #[must_use]
    pub fn pairs(&self, peers: &[Arc<Peer>]) -> Vec<Pair> {
        let wanted = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        let is_server =
            |peer: &&Arc<Peer>| peer.server.is_some() && wanted(&self.servers, &peer.name);
        let is_client =
            |peer: &&Arc<Peer>| peer.client.is_some() && wanted(&self.clients, &peer.name);
        let clients: Vec<&Arc<Peer>> = peers.iter().filter(is_client).collect();
        // Where there are references, each pair is one of them, or a script, and one's own.
        let has_references = peers.iter().any(|peer| peer.is_reference);
        let is_one_of_both = |server: &Peer, client: &Peer| {
            let is_own = |peer: &Peer| !peer.is_reference && !peer.is_scripted();
            !has_references || is_own(server) != is_own(client)
        };
        let mut pairs = Vec::new();
        for server in peers.iter().filter(is_server) {
            let clients = clients.iter().filter(|client| is_one_of_both(server, client));
            pairs.extend(clients.filter_map(|client| {
                let filter = self.filter.of_pair(&server.name, &client.name)?;
                Some(Pair { server: Arc::clone(server), client: Arc::clone(client), filter })
            }));
        }
        pairs
    }
}

/// A server and a client of which some trials are selected.
#[derive(Debug)]
pub struct Pair {
    server: Arc<Peer>,
    client: Arc<Peer>,
    /// What selects among their trials.
    filter: Filter,
}

impl Pair {
    /// Whether their trial of this case is selected.
    #[must_use]
    pub fn takes(&self, case: &CaseHead) -> bool {
        is_for(&self.server, &self.client, case)
            && self.filter.matches(Subject {
                server: &self.server.name,
                client: &self.client.name,
                case: &case.name,
                rule: &case.rule,
            })
    }

    /// Every trial of theirs that is selected, as server, client and case.
    pub fn trials<'a>(
        &'a self,
        index: &'a [&CaseHead],
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        let cases = index.iter().filter(|case| self.takes(case));
        cases.map(|case| (self.server.name.as_str(), self.client.name.as_str(), case.name.as_str()))
    }
}

impl Plan {
    /// Pairs every server with every client and every selected case.
    #[must_use]
    pub fn new(peers: &[Arc<Peer>], cases: &[Arc<Case>], selection: &Selection) -> Self {
        let heads: Vec<CaseHead> = cases.iter().map(|case| case.head()).collect();
        let of_pair = |pair: Pair| {
            let taken = cases.iter().zip(&heads).filter(|(_, head)| pair.takes(head));
            let trials = taken.map(|(case, _)| Trial {
                case: Arc::clone(case),
                unsupported: why_unsupported(&pair.server, &pair.client, case),
            });
            let trials = trials.collect();
            Cell { server: pair.server, client: pair.client, trials }
        };
        let cells = selection.pairs(peers).into_iter().map(of_pair);
        Self { cells: cells.filter(|cell| !cell.trials.is_empty()).collect() }
    }

    /// How many trials there are.
    #[must_use]
    pub fn trial_count(&self) -> usize {
        self.cells.iter().map(|cell| cell.trials.len()).sum()
    }

    /// Whether a trial that will be tried has TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        let mut trials = self.cells.iter().flat_map(|cell| &cell.trials);
        trials.any(|trial| trial.unsupported.is_none() && trial.case.tls.is_some())
    }
}

impl Cell {
    /// How the server is started. A cell is only made of a peer that has one.
    #[must_use]
    pub fn server_spec(&self) -> &ServerSpec {
        self.server.server.as_ref().expect("a cell's server peer has a server")
    }

    /// How the client is started. A cell is only made of a peer that has one.
    #[must_use]
    pub fn client_spec(&self) -> &ClientSpec {
        self.client.client.as_ref().expect("a cell's client peer has a client")
    }
}

/// Whether the harness plays just the sides that the case says, and the two are one peer where
/// it says so.
fn is_for(server: &Peer, client: &Peer, case: &CaseHead) -> bool {
    let is_suite_of = |peer: &Peer| {
        let suite = case.name.split('/').next().unwrap_or_default();
        peer.suites.as_ref().is_none_or(|suites| suites.contains(suite))
    };
    // A program has cases of its own, and no other.
    let is_clients = match &case.program {
        Some(peer) => client.name == *peer && !server.is_scripted(),
        None => client.program().is_none() && is_suite_of(server) && is_suite_of(client),
    };
    is_clients
        && (!case.is_of_own_pair || server.name == client.name)
        && server.is_scripted() == (case.scripted == Some(Role::Server))
        && client.is_scripted() == (case.scripted == Some(Role::Client))
}

/// What the manifest says against trying a case here. What the client can do,
/// it says itself when it starts.
fn why_unsupported(server: &Peer, client: &Peer, case: &Case) -> Option<String> {
    let listed = [server, client].into_iter().find_map(|peer| {
        let entry = peer.unsupported.iter().find(|entry| entry.case.matches(&case.name))?;
        let issue = entry.issue.as_ref().map(|issue| format!(" ({issue})")).unwrap_or_default();
        Some(format!("{}: {}{issue}", peer.name, entry.why))
    });
    let not_served = || {
        let lacks = server.server.as_ref()?.lacks(&case.serving())?;
        Some(format!("the manifest does not give {lacks} for {}", server.name))
    };
    let without_service = || {
        let service = |call: &Call| {
            call.method
                .descriptor
                .as_ref()
                .map(|method| method.parent_service().full_name().to_owned())
        };
        let called: Vec<String> = case.calls.iter().filter_map(service).collect();
        [server, client].into_iter().find_map(|peer| {
            let has = peer.services.as_ref()?;
            let missing = called.iter().find(|service| !has.contains(*service))?;
            Some(format!("the manifest does not list the service `{missing}` for {}", peer.name))
        })
    };
    listed.or_else(not_served).or_else(without_service).or_else(|| {
        let missing = case.server_features().find(|feature| !feature.is_among(&server.features))?;
        Some(format!("the manifest does not list the feature `{missing}` for {}", server.name))
    })
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{
        input::Place,
        suite::{Compression, Expect, Method, Script},
    };

    fn peers(text: &str) -> Vec<Arc<Peer>> {
        #[derive(serde::Deserialize)]
        struct File {
            peer: Vec<Peer>,
        }
        let file: File = toml::from_str(text).unwrap();
        file.peer.into_iter().map(Arc::new).collect()
    }

    fn case(name: &str, compression: Option<Compression>) -> Arc<Case> {
        let expect = Expect { message_count: Some(1), ..Expect::default() };
        let method = Method { path: "S/M".into(), descriptor: None };
        let timeout = Duration::from_secs(1);
        let mut call = Call::new(method, vec![], timeout, expect);
        call.options.compression = compression;
        Arc::new(Case::new(name, "R-1", "w", Place::from(Path::new("x")), vec![call]))
    }

    const PEERS: &str = r#"
        [[peer]]
        name = "a"
        features = ["gzip"]
        server = { cmd = ["s"] }
        client = { cmd = ["c"] }
        [[peer]]
        name = "b"
        server = { cmd = ["s"] }
        unsupported = [{ case = "s/two", why = "not yet", issue = "issue 1" }]
        [[peer]]
        name = "c"
        client = { cmd = ["c"] }
    "#;

    fn plan(selection: &Selection) -> Vec<String> {
        let cases =
            [case("s/one", None), case("s/two", None), case("s/zip", Some(Compression::Gzip))];
        let plan = Plan::new(&peers(PEERS), &cases, selection);
        let describe = |cell: &Cell, trial: &Trial| {
            let why = trial.unsupported.as_ref().map(|why| format!(" [{why}]")).unwrap_or_default();
            format!("{}<-{} {}{why}", cell.server.name, cell.client.name, trial.case.name)
        };
        plan.cells
            .iter()
            .flat_map(|cell| cell.trials.iter().map(|trial| describe(cell, trial)))
            .collect()
    }

    #[test]
    fn every_server_meets_every_client_in_the_manifests_order() {
        let zip = "[the manifest does not list the feature `gzip` for b]";
        assert_eq!(
            plan(&Selection::everything()),
            [
                "a<-a s/one",
                "a<-a s/two",
                "a<-a s/zip",
                "a<-c s/one",
                "a<-c s/two",
                "a<-c s/zip",
                "b<-a s/one",
                "b<-a s/two [b: not yet (issue 1)]",
                &format!("b<-a s/zip {zip}"),
                "b<-c s/one",
                "b<-c s/two [b: not yet (issue 1)]",
                &format!("b<-c s/zip {zip}"),
            ]
        );
    }

    #[test]
    fn with_references_ones_own_peers_meet_them_and_scripts_alone() {
        let mut peers = peers(
            r#"
            [[peer]]
            name = "reference"
            server = { cmd = ["s"] }
            client = { cmd = ["c"] }
            [[peer]]
            name = "own"
            server = { cmd = ["s"] }
            client = { cmd = ["c"] }
            "#,
        );
        Arc::get_mut(&mut peers[0]).unwrap().is_reference = true;
        peers.push(Arc::new(Peer::scripted()));
        let pairs = Selection::everything().pairs(&peers);
        let names = pairs.iter().map(|pair| format!("{}<-{}", pair.server.name, pair.client.name));
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["reference<-own", "own<-reference", "own<-scripted", "scripted<-own"]
        );
    }

    #[test]
    fn a_peer_without_the_service_is_not_tried() {
        let mut call = crate::rules::samples::get_sequence();
        call.options.compression = None;
        let place = Place::from(Path::new("x"));
        let cases = [Arc::new(Case::new("s/one", "R-1", "w", place, vec![call]))];
        let peer = |name: &str, services: &str| {
            format!(
                "[[peer]]\nname = {name:?}\nserver = {{ cmd = [\"s\"] }}\nclient = {{ cmd = [\"c\"] }}\n{services}\n"
            )
        };
        let text = [
            peer("all", ""),
            peer("this", "services = [\"FibonacciService\"]"),
            peer("other", "services = [\"pb.Outliers\"]"),
        ];
        let plan = Plan::new(&peers(&text.concat()), &cases, &Selection::everything());
        for cell in &plan.cells {
            let lacks = cell.server.name == "other" || cell.client.name == "other";
            let expected = lacks
                .then_some("the manifest does not list the service `FibonacciService` for other");
            assert_eq!(cell.trials[0].unsupported.as_deref(), expected);
        }
    }

    #[test]
    fn scripts_are_cells_of_their_own() {
        let scripted = |name: &str, role| {
            let script = Script::of_no_steps(role);
            let case = Case::clone(&case(name, None));
            Arc::new(Case { script: Some(Arc::new(script)), ..case })
        };
        let name = |server: &str, client: &str, case: &str| format!("{server}<-{client} {case}");
        let cases =
            [case("s/one", None), scripted("s/ask", Role::Client), scripted("s/say", Role::Server)];
        let mut peers = peers(PEERS);
        peers.push(Arc::new(Peer::scripted()));
        let plan = Plan::new(&peers, &cases, &Selection::everything());
        let planned: Vec<String> = plan
            .cells
            .iter()
            .flat_map(|cell| cell.trials.iter().map(move |trial| (cell, trial)))
            .map(|(cell, trial)| name(&cell.server.name, &cell.client.name, &trial.case.name))
            .collect();
        let heads: Vec<CaseHead> = cases.iter().map(|case| case.head()).collect();
        let index: Vec<&CaseHead> = heads.iter().collect();
        let selected: Vec<String> = Selection::everything()
            .pairs(&peers)
            .iter()
            .flat_map(|pair| pair.trials(&index))
            .map(|(server, client, case)| name(server, client, case))
            .collect();
        assert_eq!(selected, planned);
        assert_eq!(
            planned,
            [
                "a<-a s/one",
                "a<-c s/one",
                "a<-scripted s/ask",
                "b<-a s/one",
                "b<-c s/one",
                "b<-scripted s/ask",
                "scripted<-a s/say",
                "scripted<-c s/say",
            ]
        );
    }

    #[test]
    fn a_selection_narrows_the_plan() {
        let selection = Selection {
            servers: vec!["b".into()],
            clients: vec!["c".into()],
            filter: Filter::parse("case(s/one)").unwrap(),
        };
        assert_eq!(plan(&selection), ["b<-c s/one"]);
        let nothing = Selection { servers: vec!["c".into()], ..Selection::everything() };
        assert!(plan(&nothing).is_empty());
    }
}
