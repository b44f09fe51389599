//! `coursestream keys`: API keys for programs and offices, kept in the database. They work beside a running service, which
//! knows of a change within seconds.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::{Args, Subcommand};

use super::{line::printable, say::say, tail::notice};
use crate::{
    app::Database,
    auth::{
        Role,
        keys::{KeyId, NewKey},
    },
    config::{DatabaseArgs, duration},
    store::{ListedKey, Store},
};

const NAME_CHARACTERS_MAX: usize = 200;

#[derive(Debug, Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it: it is shown this once, and kept as a hash
    Create(CreateArgs),
    /// Print all keys, without their secrets
    List(ListArgs),
    /// Revoke a key: every node refuses it within seconds
    Revoke(RevokeArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Whose key it is, for the list
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it is for: producer opens sessions and streams into them, auditor reads and exports everybody's, operator
    /// reads metrics and cancels runs; repeatable
    #[arg(long = "role", required = true, value_name = "ROLE")]
    roles: Vec<Role>,
    /// After this time it is not taken any more
    #[arg(long, value_parser = duration, value_name = "TIME")]
    expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The part of the key between csk_ and the next _
    #[arg(value_parser = key_id)]
    id: KeyId,
}

/// The id, or the whole key: whoever has just found one somewhere has that.
fn key_id(text: &str) -> Result<KeyId, String> {
    let id = text.strip_prefix("csk_").map_or(text, |rest| rest.split('_').next().unwrap_or_default());
    // The text is not repeated: it may be a key.
    KeyId::parse(id).ok_or_else(|| "a key's id is 12 hexadecimal digits; see `coursestream keys list`".to_owned())
}

/// # Errors
///
/// When the database cannot be reached.
pub async fn run(args: KeysArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        KeysCommand::Create(args) => with(&args.database, async |store| create(store, &args).await).await,
        KeysCommand::List(args) => with(&args.database, list).await,
        KeysCommand::Revoke(args) => with(&args.database, async |store| revoke(store, args.id).await).await,
    }
}

async fn with(
    args: &DatabaseArgs,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let database = Database::open(args).await?;
    let done = async {
        database.store.migrate().await?;
        work(&database.store).await
    }
    .await;
    database.close().await;
    done
}

async fn create(store: &Store, args: &CreateArgs) -> anyhow::Result<ExitCode> {
    let characters = args.name.chars().count();
    if characters == 0 || characters > NAME_CHARACTERS_MAX || args.name.contains('\0') {
        bail!("--name: must have 1 to {NAME_CHARACTERS_MAX} characters");
    }
    let expires_at = match args.expires_in {
        None => None,
        Some(expires_in) => {
            let at = TimeDelta::from_std(expires_in).ok().and_then(|left| Utc::now().checked_add_signed(left));
            Some(at.ok_or_else(|| anyhow::anyhow!("--expires-in: is beyond the calendar"))?)
        }
    };
    let key = NewKey::generate();
    store.insert_api_key(key.id, &key.sha256, &args.name, args.roles.iter().copied().collect(), expires_at).await?;
    // Nobody can be shown it again.
    writeln!(io::stdout(), "{}", key.reveal())?;
    notice(&format!("keep it: it is not shown again; `coursestream keys revoke {}` takes it back", key.id));
    Ok(ExitCode::SUCCESS)
}

async fn list(store: &Store) -> anyhow::Result<ExitCode> {
    say(format_args!("{:<12}  {:<28}  {:<20}  {:<20}  {:<20}  name", "id", "roles", "created", "last used", "state"))?;
    let now = Utc::now();
    for key in store.list_api_keys().await? {
        let state = state(&key, now);
        let ListedKey { id, name, roles, created_at, last_used_at, .. } = key;
        let used = last_used_at.map_or_else(|| "never".to_owned(), seconds);
        let (roles, created) = (roles.to_string(), seconds(created_at));
        say(format_args!("{id}  {roles:<28}  {created:<20}  {used:<20}  {state:<20}  {}", printable(&name)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn state(key: &ListedKey, now: DateTime<Utc>) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "valid"
    }
}

fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn revoke(store: &Store, id: KeyId) -> anyhow::Result<ExitCode> {
    if store.revoke_api_key(id).await? {
        say(format_args!("revoked {id}"))?;
        Ok(ExitCode::SUCCESS)
    } else {
        say(format_args!("there is no valid key {id}"))?;
        Ok(ExitCode::FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_by_its_id_or_by_itself_and_never_repeated() {
        let key = NewKey::generate();
        assert_eq!(key_id(&key.id.to_string()), Ok(key.id));
        assert_eq!(key_id(key.reveal()), Ok(key.id));
        assert!(!key_id(&key.reveal().replace("csk", "cks")).unwrap_err().contains(&key.id.to_string()));
    }
}
