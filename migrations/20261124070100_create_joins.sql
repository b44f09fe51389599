-- Who came to follow a session, over what, and from where in its log: statistics, written in batches behind the
-- connections' backs, so a row may be missing where a node was killed or overwhelmed. No foreign key: its check would lock the
-- session's row, which the appends are about to update. Rows go with their sessions.

create table coursestream.joins (
    session_id uuid not null,
    transport text not null check (transport in ('websocket', 'socketio', 'sse')),
    -- The last-seen offset that the client named; 0 where it began at the start.
    last_seen bigint not null check (last_seen >= 0),
    -- Events that lay behind it at that moment.
    replayed bigint not null check (replayed >= 0),
    joined_at timestamptz not null,
    node uuid not null
);
create index joins_session on coursestream.joins (session_id);

-- What models cost, as the operator says: empty until somebody fills it. A price holds from `valid_from` until the next one
-- of the same model.
create table coursestream.model_prices (
    provider text not null,
    model text not null,
    valid_from timestamptz not null,
    currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
    prompt_per_million numeric not null check (prompt_per_million >= 0),
    completion_per_million numeric not null check (completion_per_million >= 0),
    -- Where the price was read, and when.
    source text not null,
    primary key (provider, model, valid_from)
);
