//! The commands: they join the stages, each in one function.

mod compare;
mod known;
mod last_run;
mod list;
mod run;
mod schema;
mod show;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    command_line::{Command, CommandLine, KnownCommand, SelectArgs},
    exit::Exit,
    filter::Filter,
    guard::{self, Guard},
    input::BadInput,
    manifest::Peer,
    plan::Selection,
    project::{Project, Wanted},
    text::list,
};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// Something that the user wrote is wrong.
    #[error(transparent)]
    BadInput(#[from] BadInput),
    /// Everything was right, and something of ours or of the system's failed.
    #[error("{what}: {source}")]
    System {
        /// What could not be done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl CommandError {
    /// The exit code that it asks for.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::BadInput(_) => Exit::BadInput,
            Self::System { .. } => Exit::Defect,
        }
    }

    fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}

/// Does what the command line says. A run without a guard becomes one, and goes on below
/// itself.
///
/// # Errors
/// Bad input, or a failure that no exit code of a run stands for.
pub fn execute(arguments: CommandLine, guard: Option<Guard>) -> Result<Exit, CommandError> {
    let manifest = arguments.manifest.as_deref();
    match arguments.command {
        Command::Schema(schema) => self::schema::schema(&schema.folder),
        Command::Run(run) => match guard {
            Some(guard) => run::run(manifest, &run, guard),
            None => guard::stand_above().map_err(CommandError::system(
                "the run's own process, below the guard, cannot be started",
            )),
        },
        Command::List(list) => self::list::list(manifest, &list),
        Command::Show(show) => show::show(manifest, &show),
        Command::Compare(compare) => compare::compare(manifest, &compare),
        Command::Known(KnownCommand::Add(add)) => known::add(manifest, &add),
        Command::Known(KnownCommand::Prune(prune)) => known::prune(manifest, &prune),
    }
}

/// The selection of the command line, and the project with the cases that it selects; without
/// a selection, with all.
fn selected(
    manifest: Option<&Path>,
    arguments: &SelectArgs,
) -> Result<(Project, Selection), BadInput> {
    let selection = selection(arguments)?;
    let wanted = match arguments.is_everything() {
        true => Wanted::Everything,
        false => Wanted::Selected(&selection),
    };
    let project = Project::load(manifest, wanted)?;
    check_peers(&project, &selection)?;
    Ok((project, selection))
}

/// The selection of the command line.
fn selection(arguments: &SelectArgs) -> Result<Selection, BadInput> {
    let filter = match &arguments.filter {
        Some(text) => Filter::parse(text)?,
        None => Filter::All,
    };
    Ok(Selection { servers: arguments.server.clone(), clients: arguments.client.clone(), filter })
}

/// The peers that a selection names must be there.
fn check_peers(project: &Project, selection: &Selection) -> Result<(), BadInput> {
    let peers = project.peers();
    check_names("server", &selection.servers, peers.iter().filter(|peer| peer.server.is_some()))?;
    check_names("client", &selection.clients, peers.iter().filter(|peer| peer.client.is_some()))
}

fn check_names<'a>(
    role: &str,
    names: &[String],
    peers: impl Iterator<Item = &'a Arc<Peer>>,
) -> Result<(), BadInput> {
    let known: Vec<&str> = peers.map(|peer| peer.name.as_str()).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let known = list(&known);
            let problem = format!("no peer `{name}` with a {role}; there are {known}");
            Err(BadInput::new(format!("--{role}").as_str(), problem))
        }
    }
}

/// The report's folder: the one that was asked for, or the manifest's.
fn report_folder<'a>(project: &'a Project, asked: Option<&'a PathBuf>) -> &'a Path {
    asked.unwrap_or(&project.manifest.report)
}

/// Writes to stdout. A reader that has seen enough and left is no failure.
fn print(text: &str) -> Result<(), CommandError> {
    use std::io::Write as _;
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CommandError::system("stdout cannot be written")(error))
        }
        _ => Ok(()),
    }
}
