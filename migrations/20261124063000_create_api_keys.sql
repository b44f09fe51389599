-- Keys of programs and offices: what opens the service beside the tokens of users. Only hashes are kept: whoever reads this
-- table can open nothing with it. A revoked key stays, so that it can be told whose it was.
create table coursestream.api_keys (
    -- The public part of the key, for look-up and logs.
    key_id bytea primary key check (octet_length(key_id) = 6),
    -- SHA-256 of the secret part, which is 256 random bits: no slow hash is needed where there is nothing to guess.
    secret_sha256 bytea not null check (octet_length(secret_sha256) = 32),
    name text not null check (name <> ''),
    roles text[] not null check (roles <> '{}' and roles <@ array['producer', 'auditor', 'operator']),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    -- To the minute or so.
    last_used_at timestamptz
);
