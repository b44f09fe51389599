-- Keys that all nodes share and that no client ever sees: with them nodes sign what they hand to clients and take back later.
-- In the database, so that they survive restarts and nobody has to configure them. A row that is deleted is made anew, with a
-- new key, when a node starts next; what was signed with the old one is not taken any more.
create table coursestream.secrets (
    name text primary key,
    value bytea not null check (octet_length(value) >= 32),
    created_at timestamptz not null default now()
);
