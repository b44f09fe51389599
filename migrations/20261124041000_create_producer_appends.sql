-- Appends of outside producers that carry Producer-Id and Producer-Seq: a retry of the same pair is answered with the offsets
-- that the first one got. Written in the transaction that appends.

create table coursestream.producer_appends (
    session_id uuid not null references coursestream.sessions on delete cascade,
    producer_id text not null,
    seq bigint not null check (seq >= 0),
    first_offset bigint not null,
    last_offset bigint not null,
    primary key (session_id, producer_id, seq)
);
