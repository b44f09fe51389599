//! Which operating-system user the cluster runs as, and commands run as that user.
//!
//! PostgreSQL refuses to run as root, so root drops to the owner of the data that exists, else to `postgres`, else to
//! `nobody`. Everybody else runs it as himself.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::unistd::{Uid, User, geteuid};

use super::ClusterError;

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    /// The user and group to become; `None` where the service is that user already.
    drop_to: Option<(u32, u32)>,
}

impl Account {
    /// The user of this process, where that is not root.
    pub(super) fn current() -> Result<Option<Self>, ClusterError> {
        let uid = geteuid();
        if uid.is_root() {
            return Ok(None);
        }
        let user = look_up(User::from_uid(uid))?.ok_or(ClusterError::UnknownUser { uid: uid.as_raw() })?;
        Ok(Some(Self { name: user.name, uid: uid.as_raw(), drop_to: None }))
    }

    /// The user that root drops to for a new cluster.
    pub(super) fn unprivileged() -> Result<Self, ClusterError> {
        for name in ["postgres", "nobody"] {
            if let Some(user) = look_up(User::from_name(name))? {
                let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
                return Ok(Self { name: user.name, uid, drop_to: Some((uid, gid)) });
            }
        }
        Err(ClusterError::NoUnprivilegedUser)
    }

    /// The user that root drops to for a cluster that exists: PostgreSQL accepts nobody but its owner, and which user
    /// [`Self::unprivileged`] finds changes when a package brings `postgres` along.
    pub(super) fn owner_of(data: &Path) -> Result<Self, ClusterError> {
        let meta = fs::metadata(data).map_err(ClusterError::io("read", data))?;
        if meta.uid() == 0 {
            return Self::unprivileged();
        }
        let user = look_up(User::from_uid(Uid::from_raw(meta.uid())))?;
        let name = user.map_or_else(|| meta.uid().to_string(), |user| user.name);
        Ok(Self { name, uid: meta.uid(), drop_to: Some((meta.uid(), meta.gid())) })
    }

    pub(super) const fn drops_privileges(&self) -> bool {
        self.drop_to.is_some()
    }

    /// A command run as this user.
    ///
    /// It starts from an empty environment: `PG*` variables would reach into the cluster, and the service's own hold API
    /// keys, which SQL could read back. It has a process group of its own: Ctrl-C in a terminal must not reach PostgreSQL
    /// before the service has drained. std drops root's supplementary groups when a uid is set.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null())
            .process_group(0);
        if let Some((uid, gid)) = self.drop_to {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Whether this user can reach `dir`: tried, not computed from modes, because ACLs and mount options count too.
    pub(super) fn can_enter(&self, dir: &Path) -> bool {
        // std changes the directory after it has changed the user.
        let status = self.command(Path::new("/bin/sh")).args(["-c", ":"]).current_dir(dir).status();
        status.is_ok_and(|status| status.success())
    }

    /// Makes `dir`, where it is missing, and makes it this user's alone.
    pub(super) fn create_private_dir(&self, dir: &Path) -> Result<(), ClusterError> {
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ClusterError::io("create the folder", dir)(error));
            }
            _ => {}
        }
        fs::set_permissions(dir, Permissions::from_mode(0o700))
            .and_then(|()| self.drop_to.map_or(Ok(()), |(uid, gid)| chown(dir, Some(uid), Some(gid))))
            .map_err(ClusterError::io("change the owner of", dir))
    }
}

fn look_up(found: nix::Result<Option<User>>) -> Result<Option<User>, ClusterError> {
    found.map_err(|errno| ClusterError::io("look up a user in", Path::new("/etc/passwd"))(errno.into()))
}
