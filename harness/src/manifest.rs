//! The manifest: which peers there are and how each is built and started.

mod peer;
mod serving;

use std::{
    collections::BTreeSet,
    mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    feature::ServerFeature,
    input::{BadInput, parse_toml, read_text},
};

use peer::check_command;
pub use peer::{
    Build, ClientSpec, Peer, Program, RequiredProgram, SCRIPTED, ServerSpec, ServerStart,
    Unsupported, Waived,
};
pub use serving::{Over, ServerCertificate, ServerSetting, ServerTls, Serving};

/// The name that is looked for when no `--manifest` is given.
pub const FILE_NAME: &str = "crosswire.toml";

/// A manifest, checked; relative paths are resolved against its folder.
#[derive(Debug)]
pub struct Manifest {
    /// The file.
    pub path: PathBuf,
    /// The folder of the `.proto` files.
    pub protos: PathBuf,
    /// The folder of the suites.
    pub suites: PathBuf,
    /// The page with the rules.
    pub contract: PathBuf,
    /// The list of known failures, if there is one.
    pub known: Option<PathBuf>,
    /// The folder of the reports, unless the command line names another.
    pub report: PathBuf,
    /// How long each kind of wait may take.
    pub limits: Limits,
    /// The peers, in the file's order, which is the matrix's order: first those that these
    /// are run against, if there are any.
    pub peers: Vec<Arc<Peer>>,
}

/// How long each kind of wait may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// From a peer's start until it is ready. Default 30 s: an interpreter with
    /// cold caches on a busy CI machine takes several.
    #[serde(with = "crate::input::duration")]
    #[schemars(with = "String")]
    pub start: Duration,
    /// What a client may take beyond a call's timeout to report it. Default 5 s:
    /// it has only a line to write, but its process may be waiting for a core, and a library
    /// that has many connections to make may fire its timers seconds late.
    #[serde(with = "crate::input::duration")]
    #[schemars(with = "String")]
    pub answer_grace: Duration,
    /// From the request to stop until SIGKILL. Default 3 s: a graceful stop has
    /// nothing left in flight to wait for.
    #[serde(with = "crate::input::duration")]
    #[schemars(with = "String")]
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(30),
            answer_grace: Duration::from_secs(5),
            stop: Duration::from_secs(3),
        }
    }
}

/// Which peers there are, and how each is built and started. Paths are relative to the
/// manifest's folder.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    schema: u32,
    /// The folder of the `.proto` files.
    protos: Option<PathBuf>,
    /// The folder of the suites.
    suites: Option<PathBuf>,
    /// The page with the rules.
    contract: Option<PathBuf>,
    /// The list of known failures.
    known: Option<PathBuf>,
    limits: Option<Limits>,
    /// The peers that those of this manifest are run against.
    against: Option<Against>,
    #[serde(default)]
    peer: Vec<Peer>,
}

/// Peers of another manifest. Those here are run against them and the scripts alone: not
/// against each other, nor those against each other.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Against {
    /// The other manifest. Its protos, suites, contract and limits count where this one gives
    /// none.
    manifest: PathBuf,
    /// Which of its peers; all, without it.
    peers: Option<Vec<String>>,
}

/// The schema of a manifest.
#[must_use]
pub fn schema(generator: SchemaGenerator) -> Value {
    generator.into_root_schema_for::<RawManifest>().to_value()
}

impl Manifest {
    /// Every feature that a server has here.
    #[must_use]
    pub fn features(&self) -> Vec<ServerFeature> {
        let features: BTreeSet<_> = self.peers.iter().flat_map(|peer| &peer.features).collect();
        features.into_iter().cloned().collect()
    }

    /// Finds the manifest of `folder`: the first `crosswire.toml` in it or in a
    /// folder above it.
    ///
    /// # Errors
    /// There is none.
    pub fn find(folder: &Path) -> Result<PathBuf, BadInput> {
        folder
            .ancestors()
            .map(|folder| folder.join(FILE_NAME))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                let problem = format!(
                    "no {FILE_NAME} here or in a folder above; go to the project's folder or give --manifest FILE"
                );
                BadInput::new(folder, problem)
            })
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, has unknown or missing fields, or
    /// says something that cannot be.
    pub fn load(path: &Path) -> Result<Self, BadInput> {
        Self::parse(path, &read_text(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, BadInput> {
        let bad = |problem| BadInput::new(path, problem);
        let raw: RawManifest = parse_toml(path, text)?;
        if raw.schema != 1 {
            return Err(bad(format!("schema {}; this crosswire reads schema 1", raw.schema)));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let root = if folder == Path::new("") { Path::new(".") } else { folder };
        let mut base = raw.against.map(|against| against.load(path)).transpose()?;
        let references = base.as_mut().map(|base| mem::take(&mut base.peers));
        let found = |field, own: Option<PathBuf>, of_base: fn(&Self) -> &PathBuf| {
            let of_base = || base.as_ref().map(|base| of_base(base).clone());
            own.map(|own| folder.join(own)).or_else(of_base).ok_or_else(|| {
                let problem = format!("no `{field}`; give it, or `against` a manifest that has it");
                BadInput::new(path, problem)
            })
        };
        let own =
            raw.peer.into_iter().map(|peer| Arc::new(Peer { folder: root.to_owned(), ..peer }));
        let own: Vec<_> = own.collect();
        if own.is_empty() {
            return Err(bad("no peers; add a `[[peer]]` with a server or a client".to_owned()));
        }
        let peers: Vec<_> = references.into_iter().flatten().chain(own).collect();
        check_peers(&peers).map_err(bad)?;
        Ok(Self {
            path: path.to_owned(),
            protos: found("protos", raw.protos, |base| &base.protos)?,
            suites: found("suites", raw.suites, |base| &base.suites)?,
            contract: found("contract", raw.contract, |base| &base.contract)?,
            known: raw.known.map(|known| folder.join(known)),
            report: folder.join("target/crosswire"),
            limits: raw.limits.or(base.as_ref().map(|base| base.limits)).unwrap_or_default(),
            peers,
        })
    }
}

impl Against {
    /// Loads the other manifest, with its peers as references.
    fn load(self, path: &Path) -> Result<Manifest, BadInput> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let other = folder.join(self.manifest);
        let bad = |problem| Err(BadInput::new(path, format!("`against`: {problem}")));
        let mut manifest = Manifest::load(&other)?;
        if manifest.peers.iter().any(|peer| peer.is_reference) {
            return bad(format!(
                "{} has `against` itself; name the manifest that it names",
                other.display()
            ));
        }
        if let Some(wanted) = self.peers {
            let is_there = |name: &&String| manifest.peers.iter().any(|peer| peer.name == **name);
            if let Some(missing) = wanted.iter().find(|name| !is_there(name)) {
                let there: Vec<_> = manifest.peers.iter().map(|peer| peer.name.as_str()).collect();
                let (other, there) = (other.display(), there.join(", "));
                return bad(format!("{other} has no peer `{missing}`; it has {there}"));
            }
            manifest.peers.retain(|peer| wanted.contains(&peer.name));
        }
        for peer in &mut manifest.peers {
            Arc::get_mut(peer).expect("nobody else has it yet").is_reference = true;
        }
        Ok(manifest)
    }
}

fn check_peers(peers: &[Arc<Peer>]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for peer in peers {
        let name = &peer.name;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(format!(
                "peer name `{name}`; use letters, digits, `-`, `_` and `.`, such as go-1.24"
            ));
        }
        if name == SCRIPTED {
            return Err(format!(
                "peer name `{name}`, which stands for the harness itself; give another"
            ));
        }
        if !names.insert(name) {
            return Err(format!("peer `{name}` is here twice; names are unique"));
        }
        if peer.server.is_none() && peer.client.is_none() {
            return Err(format!("peer `{name}` has neither a server nor a client; give one"));
        }
        if peer.waive.iter().any(|waived| waived.why.trim().is_empty()) {
            return Err(format!("peer `{name}` waives a rule without `why`; say why"));
        }
        for feature in &peer.features {
            feature.check_listed().map_err(|why| format!("peer `{name}`: {why}"))?;
        }
        if let Some(build) = &peer.build {
            check_command("build", &build.cmd).map_err(|why| format!("peer `{name}`: {why}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HEAD: &str = "schema = 1\nprotos = \"p\"\nsuites = \"s\"\ncontract = \"c.md\"\n";

    fn parse(rest: &str) -> Result<Manifest, BadInput> {
        Manifest::parse(Path::new("x/crosswire.toml"), &format!("{HEAD}{rest}"))
    }

    #[test]
    fn every_way_to_name_a_server_is_read() {
        let manifest = parse(
            r#"
            limits = { start = "5s" }
            [[peer]]
            name = "line"
            server = { cmd = ["s", "{listen}"], ready = "line" }
            [[peer]]
            name = "free"
            server = { cmd = ["s", "{port}"], ready = "connect" }
            [[peer]]
            name = "fixed"
            server = { cmd = ["s"], ready = "connect", address = "127.0.0.1:9999" }
            [[peer]]
            name = "elsewhere"
            server = { address = "10.0.0.1:80" }
            [[peer]]
            name = "client-only"
            client = { cmd = ["c"] }
            "#,
        )
        .unwrap();
        let server = |index: usize| manifest.peers[index].server.as_ref().map(|spec| &spec.start);
        assert!(matches!(server(0), Some(ServerStart::Announces { .. })));
        assert!(matches!(server(1), Some(ServerStart::AcceptsOnFreePort { .. })));
        assert!(matches!(server(2), Some(ServerStart::AcceptsAt { .. })));
        assert!(matches!(server(3), Some(ServerStart::RunsAt { .. })));
        assert!(server(4).is_none());
        assert_eq!(manifest.suites, Path::new("x/s"));
        assert_eq!(manifest.limits.start, Duration::from_secs(5));
        assert_eq!(manifest.limits.stop, Limits::default().stop);
    }

    #[test]
    fn peers_of_another_manifest_are_references() {
        let folder = tempfile::tempdir().unwrap();
        let peer =
            |name: &str| format!("[[peer]]\nname = {name:?}\nclient = {{ cmd = [\"c\"] }}\n");
        let base = format!("{HEAD}limits = {{ stop = \"9s\" }}\n{}{}", peer("a"), peer("b"));
        fs::write(folder.path().join(FILE_NAME), base).unwrap();
        fs::create_dir(folder.path().join("x")).unwrap();
        let path = folder.path().join("x/stacks.toml");
        let parse = |against: &str, rest: &str| {
            let text = format!(
                "schema = 1\n[against]\nmanifest = \"../crosswire.toml\"\n{against}\n{rest}"
            );
            Manifest::parse(&path, &text)
        };

        let manifest = parse("peers = [\"b\"]", &peer("c")).unwrap();
        let peers = manifest.peers.iter().map(|peer| (&*peer.name, peer.is_reference));
        assert_eq!(peers.collect::<Vec<_>>(), [("b", true), ("c", false)]);
        assert_eq!(manifest.protos, folder.path().join("x/../p"));
        assert_eq!(manifest.peers[0].folder, folder.path().join("x/.."));
        assert_eq!(manifest.peers[1].folder, folder.path().join("x"));
        assert_eq!(manifest.limits.stop, Duration::from_secs(9));

        for (against, rest, expected) in [
            ("peers = [\"d\"]", peer("c"), "has no peer `d`; it has a, b"),
            ("", peer("a"), "peer `a` is here twice"),
            ("", String::new(), "no peers"),
        ] {
            let error = parse(against, &rest).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let twice = folder.path().join("x/crosswire.toml");
        fs::write(
            &twice,
            format!("schema = 1\n[against]\nmanifest = \"../crosswire.toml\"\n{}", peer("c")),
        )
        .unwrap();
        let text = format!("schema = 1\n[against]\nmanifest = \"crosswire.toml\"\n{}", peer("d"));
        let error = Manifest::parse(&path, &text).unwrap_err().to_string();
        assert!(error.contains("has `against` itself"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (rest, expected) in [
            ("", "no peers"),
            ("[[peer]]\nname = \"a\"\n", "peer `a` has neither a server nor a client"),
            ("[[peer]]\nname = \"a b\"\nclient = { cmd = [\"c\"] }", "peer name `a b`"),
            (
                "[[peer]]\nname = \"a\"\nclient = { cmd = [\"c\"] }\n[[peer]]\nname = \"a\"\nclient = { cmd = [\"c\"] }",
                "peer `a` is here twice",
            ),
            (
                "[[peer]]\nname = \"a\"\nclient = { cmd = [] }",
                "crosswire.toml:7: the client's `cmd` is empty",
            ),
            ("[[peer]]\nname = \"a\"\nserver = { }", "a server needs `cmd`"),
            ("[[peer]]\nname = \"a\"\nclient = { }", "a client needs `cmd`, or `exec`"),
            (
                "[[peer]]\nname = \"a\"\nclient = { cmd = [\"c\"], cases = [\"x\"] }",
                "belong to `exec`",
            ),
            (
                "[[peer]]\nname = \"a\"\nclient = { cmd = [\"c\"], exec = [\"c\"] }",
                "both `cmd` and `exec`",
            ),
            (
                "[[peer]]\nname = \"a\"\nclient = { exec = [\"c\"], cases = [\"x\"] }",
                "`exec` needs `{port}` or `{target}`",
            ),
            (
                "[[peer]]\nname = \"a\"\nclient = { exec = [\"c\", \"{port}\"] }",
                "`exec` without `cases`",
            ),
            (
                "[[peer]]\nname = \"a\"\nclient = { exec = [\"c\", \"{port}\"], cases = [\"x\", \"y\"] }",
                "no `{case}` in `exec`",
            ),
            (
                "[[peer]]\nname = \"a\"\nserver = { cmd = [\"s\"], ready = \"connect\" }",
                "needs `{port}` in `cmd`",
            ),
            (
                "[[peer]]\nname = \"a\"\nserver = { cmd = [\"s\"], address = \"h:1\" }",
                "needs `ready = \"connect\"`",
            ),
            ("[[peer]]\nname = \"a\"\nserver = { address = \"h\" }", "give HOST:PORT"),
            ("limits = { stop = \"soon\" }", "`soon` is no duration"),
            (
                "[[peer]]\nname = \"a\"\nclient = { cmd = [\"c\"] }\nfeatures = [\"gzpi\"]",
                "peer `a`: no feature `gzpi` (did you mean `gzip`?)",
            ),
            ("[[peer]]\nname = \"a\"\ncolour = 1", "crosswire.toml:7: unknown field `colour`"),
            ("peer = 3", "crosswire.toml:5: invalid type"),
        ] {
            let error = parse(rest).unwrap_err().to_string();
            assert!(error.contains(expected), "{rest}\ngot:  {error}\nwant: {expected}");
        }
        let error = Manifest::parse(
            Path::new("m"),
            "schema = 1\n[[peer]]\nname = \"a\"\nclient = { cmd = [\"c\"] }\n",
        )
        .unwrap_err();
        assert!(error.to_string().contains("no `protos`; give it, or `against`"), "{error}");
        let error = Manifest::parse(Path::new("m"), &HEAD.replace("= 1", "= 2")).unwrap_err();
        assert!(error.to_string().contains("schema 2"), "{error}");
    }
}
