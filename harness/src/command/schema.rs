//! `crosswire schema`: the JSON schemas of what users write.

use std::{fs, path::Path};

use super::CommandError;
use crate::{exit::Exit, schema::schemas};

pub(super) fn schema(folder: &Path) -> Result<Exit, CommandError> {
    let unwritable =
        |path: &Path| CommandError::system(format!("{} cannot be written", path.display()));
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    for (name, schema) in schemas() {
        let path = folder.join(name);
        fs::write(&path, format!("{schema:#}\n")).map_err(unwritable(&path))?;
    }
    Ok(Exit::Success)
}
