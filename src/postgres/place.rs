//! Where the cluster's files lie.
//!
//! ```text
//! <home>/lock           the service's lock, with its process id
//! <home>/data.lock      held by every process of PostgreSQL (see `lock`)
//! <home>/postgres.log
//! <home>/data/          the cluster, the account's alone
//! <home>/run/           its socket, the account's alone
//! ```
//!
//! `<home>` is `<data dir>/postgres` and belongs to the service, so what root opens there was put there by root. Where root
//! runs the service and the account cannot enter the data directory (a project below /root), it is
//! `/var/lib/coursestream/<hash of the data dir>`. A cluster that exists is found where it is, whatever has become of the
//! permissions since.

use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{ClusterError, account::Account};

/// Names the socket, `.s.PGSQL.5432`, and nothing else: no port is opened.
pub(super) const PORT: u16 = 5432;

/// Bytes of a socket's whole path: 108 with the closing zero on Linux, 104 on macOS.
const SOCKET_PATH_BYTES_MAX: usize = 103;

const STATE_DIR: &str = "/var/lib/coursestream";

#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) home: PathBuf,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) account: Account,
}

impl Place {
    /// Decides on the place and the account, and makes the home folder.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, ClusterError> {
        fs::create_dir_all(data_dir).map_err(ClusterError::io("create the folder", data_dir))?;
        let data_dir = data_dir.canonicalize().map_err(ClusterError::io("resolve", data_dir))?;
        let hash = short_hash(&data_dir);
        let (home, account) = match Account::current()? {
            Some(account) => (data_dir.join("postgres"), account),
            None => choose_as_root(&data_dir, &hash)?,
        };
        create_home(&home, &account)?;
        Ok(Self {
            data: home.join("data"),
            log: home.join("postgres.log"),
            socket_dir: socket_dir(&home, &hash),
            home,
            account,
        })
    }

    pub(super) fn has_cluster(&self) -> bool {
        holds_cluster(&self.data)
    }

    pub(super) fn socket_lock_file(&self) -> PathBuf {
        self.socket_dir.join(format!(".s.PGSQL.{PORT}.lock"))
    }

    /// Makes the socket's folder, which may lie where others can write.
    pub(super) fn create_socket_dir(&self) -> Result<(), ClusterError> {
        let _ = DirBuilder::new().mode(0o700).create(&self.socket_dir);
        let meta = fs::symlink_metadata(&self.socket_dir).map_err(ClusterError::io("create", &self.socket_dir))?;
        let service = nix::unistd::geteuid().as_raw();
        if !meta.is_dir() || ![service, self.account.uid].contains(&meta.uid()) {
            return Err(ClusterError::SocketDirTaken { dir: self.socket_dir.clone() });
        }
        self.account.create_private_dir(&self.socket_dir)
    }

    /// Nothing of ours stays outside of the home folder.
    pub(super) fn remove_outside_socket_dir(&self) {
        if !self.socket_dir.starts_with(&self.home) {
            let _ = fs::remove_dir(&self.socket_dir);
        }
    }
}

/// Whether a cluster is there. Makes nothing.
pub(super) fn exists(data_dir: &Path) -> bool {
    let Ok(data_dir) = data_dir.canonicalize() else { return false };
    let outside = Path::new(STATE_DIR).join(short_hash(&data_dir));
    [data_dir.join("postgres"), outside].iter().any(|home| holds_cluster(&home.join("data")))
}

fn choose_as_root(data_dir: &Path, hash: &str) -> Result<(PathBuf, Account), ClusterError> {
    let inside = data_dir.join("postgres");
    let outside = Path::new(STATE_DIR).join(hash);
    for home in [&inside, &outside] {
        let data = home.join("data");
        if holds_cluster(&data) {
            let account = Account::owner_of(&data)?;
            if !account.can_enter(&data) {
                return Err(ClusterError::Unreachable { data, user: account.name });
            }
            return Ok((home.clone(), account));
        }
    }
    let account = Account::unprivileged()?;
    if account.can_enter(data_dir) {
        return Ok((inside, account));
    }
    tracing::info!(
        path = %outside.display(),
        "PostgreSQL does not run as root, and the user '{}' cannot enter {}: its data goes to {}",
        account.name,
        data_dir.display(),
        outside.display()
    );
    Ok((outside, account))
}

fn create_home(home: &Path, account: &Account) -> Result<(), ClusterError> {
    fs::create_dir_all(home).map_err(ClusterError::io("create the folder", home))?;
    // The account passes through and sees nothing else, whatever the umask.
    let mode = if account.drops_privileges() { 0o711 } else { 0o700 };
    let ours = if home.starts_with(STATE_DIR) { vec![Path::new(STATE_DIR), home] } else { vec![home] };
    for dir in ours {
        fs::set_permissions(dir, Permissions::from_mode(mode))
            .map_err(ClusterError::io("change the permissions of", dir))?;
    }
    Ok(())
}

fn holds_cluster(data: &Path) -> bool {
    data.join("PG_VERSION").is_file()
}

/// Beside the data, or, where that path is too long for a socket, in /tmp. Not in $TMPDIR, which may itself be long or
/// closed to the account. PostgreSQL touches its socket now and then, so cleaners of /tmp leave it alone.
fn socket_dir(home: &Path, hash: &str) -> PathBuf {
    let beside = home.join("run");
    let socket = beside.join(format!(".s.PGSQL.{PORT}"));
    if socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return beside;
    }
    let short = Path::new("/tmp").join(format!("coursestream-{hash}"));
    tracing::debug!(path = %short.display(), "the data directory's path is too long for a socket, which goes to /tmp");
    short
}

fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    hex::encode(&digest[..6])
}
