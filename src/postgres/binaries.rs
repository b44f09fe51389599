//! Finds `initdb` and `postgres` on this machine.
//!
//! `PG_BIN_DIR` decides alone where it is set. Otherwise what `pg_config` names comes first, then `PATH`, then the folders
//! in which packages put them (Debian keeps them off the `PATH`), newest version first. Data that exists wants the
//! version that made it, so every place is asked for its version.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{ClusterError, account::Account};

/// Folders below which each version has its own `bin`: (folder, what precedes the version in its name).
const PACKAGE_FOLDERS: [(&str, &str); 6] = [
    ("usr/lib/postgresql", ""),
    ("usr", "pgsql-"),
    ("opt/homebrew/opt", "postgresql@"),
    ("usr/local/opt", "postgresql@"),
    ("usr/libexec", "postgresql"),
    ("Library/PostgreSQL", ""),
];

/// Folders of one version, whichever it is.
const SINGLE_FOLDERS: [&str; 4] =
    ["opt/homebrew/opt/postgresql/bin", "usr/local/opt/postgresql/bin", "usr/local/pgsql/bin", "usr/local/bin"];

#[derive(Clone, Debug)]
pub(super) struct Binaries {
    dir: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// The first that `account` can run; where `data` holds a cluster, the first of its version.
    pub(super) fn find(account: &Account, data: &Path) -> Result<Self, ClusterError> {
        Self::find_among(&Search::of_this_machine(), account, data)
    }

    fn find_among(search: &Search, account: &Account, data: &Path) -> Result<Self, ClusterError> {
        let wanted = data_version(data);
        let mut others = BTreeSet::new();
        for dir in search.folders() {
            let Some(major) = version_in(&dir, account) else { continue };
            if wanted.is_none_or(|wanted| wanted == major) {
                return Ok(Self { dir, major });
            }
            others.insert(major);
        }
        match (wanted, others.is_empty(), &search.bin_dir) {
            (Some(data_version), false, _) => {
                let found = others.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                Err(ClusterError::DifferentVersion { data: data.to_owned(), data_version, found })
            }
            (_, _, Some(dir)) => Err(ClusterError::BinDirUnusable { dir: dir.clone() }),
            (_, _, None) => Err(ClusterError::BinariesNotFound),
        }
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }
}

/// Where to look.
struct Search {
    bin_dir: Option<PathBuf>,
    path: OsString,
    /// `/`, but for tests.
    root: PathBuf,
}

impl Search {
    fn of_this_machine() -> Self {
        Self {
            bin_dir: env::var_os("PG_BIN_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            path: env::var_os("PATH").unwrap_or_default(),
            root: PathBuf::from("/"),
        }
    }

    fn folders(&self) -> Vec<PathBuf> {
        if let Some(dir) = &self.bin_dir {
            return vec![dir.clone()];
        }
        // An empty entry of PATH means the current folder, which is no place to take a server from.
        let on_path: Vec<_> = env::split_paths(&self.path).filter(|dir| dir.is_absolute()).collect();
        let mut folders: Vec<_> = on_path.iter().filter_map(|dir| pg_config_bindir(dir)).collect();
        folders.extend(on_path);
        for (folder, prefix) in PACKAGE_FOLDERS {
            folders.extend(newest_first(&self.root.join(folder), prefix));
        }
        folders.extend(SINGLE_FOLDERS.map(|dir| self.root.join(dir)));
        folders
    }
}

fn pg_config_bindir(dir: &Path) -> Option<PathBuf> {
    let program = dir.join("pg_config");
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg("--bindir").output().ok()?;
    let bindir = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
    bindir.is_absolute().then_some(bindir)
}

fn newest_first(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|left, right| right.cmp(left));
    versions.into_iter().map(|(_, dir)| dir).collect()
}

/// The major version of the binaries in `dir`, where both are there and run for `account`. `pg_config` belongs to the
/// development package and may name a folder without a server, and a folder below /root is closed to the account.
fn version_in(dir: &Path, account: &Account) -> Option<u32> {
    if !dir.join("initdb").is_file() || !dir.join("postgres").is_file() {
        return None;
    }
    let output = account.command(&dir.join("postgres")).arg("--version").output().ok()?;
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "postgres (PostgreSQL) 18beta1"
    leading_number(String::from_utf8(output.stdout).ok()?.split_once("(PostgreSQL) ")?.1)
}

/// The major version that made the cluster in `data`, where there is one.
fn data_version(data: &Path) -> Option<u32> {
    leading_number(&fs::read_to_string(data.join("PG_VERSION")).ok()?)
}

fn leading_number(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder that every user may enter, as the machine's own are.
    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    fn install(dir: &Path, version: &str) {
        fs::create_dir_all(dir).unwrap();
        for name in ["initdb", "postgres"] {
            let program = dir.join(name);
            fs::write(&program, format!("#!/bin/sh\necho '{name} (PostgreSQL) {version} (Test)'\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn account() -> Account {
        Account::current().unwrap().unwrap_or_else(|| Account::unprivileged().unwrap())
    }

    fn find(root: &Path, path: &str, data: &Path) -> Result<Binaries, ClusterError> {
        let search = Search { bin_dir: None, path: path.into(), root: root.to_owned() };
        Binaries::find_among(&search, &account(), data)
    }

    #[test]
    fn newest_packaged_version_is_taken() {
        let root = machine();
        for version in ["9", "15", "16"] {
            install(&root.path().join("usr/lib/postgresql").join(version).join("bin"), &format!("{version}.4"));
        }
        let found = find(root.path(), "", Path::new("/nowhere")).unwrap();
        assert_eq!(found.major, 16);
        assert_eq!(found.postgres(), root.path().join("usr/lib/postgresql/16/bin/postgres"));
    }

    #[test]
    fn version_that_made_the_data_is_preferred() {
        let root = machine();
        install(&root.path().join("first"), "17beta1");
        install(&root.path().join("usr/pgsql-15/bin"), "15.18");
        let data = root.path().join("data");
        fs::create_dir(&data).unwrap();
        let path = root.path().join("first").into_os_string().into_string().unwrap();
        assert_eq!(find(root.path(), &path, &data).unwrap().major, 17);

        fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(find(root.path(), &path, &data).unwrap().major, 15);

        fs::write(data.join("PG_VERSION"), "14\n").unwrap();
        let error = find(root.path(), &path, &data).unwrap_err().to_string();
        assert!(error.contains("made by PostgreSQL 14, but only version 15, 17 is installed"), "{error}");
    }

    #[test]
    fn nothing_installed_tells_how_to_install() {
        let root = machine();
        let error = find(root.path(), "", Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("PostgreSQL was not found; install it (Debian/Ubuntu: apt-get install"), "{error}");
        assert!(error.ends_with("or set DATABASE_URL"), "{error}");
    }
}
