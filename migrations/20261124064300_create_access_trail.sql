-- Who read what through the endpoints for auditors. A read that is not in here did not get its answer.

create table access_trail (
    -- A UUIDv7 of the moment, so entries are listed by it.
    access_id uuid primary key,
    at timestamptz not null,
    -- Who asked, as far as they said who they are.
    principal text,
    address inet,
    operation text not null,
    session_id uuid,
    parameters jsonb not null check (jsonb_typeof(parameters) = 'object'),
    status smallint not null
);

create index access_trail_session on access_trail (session_id, access_id desc) where session_id is not null;
create index access_trail_principal on access_trail (principal, access_id desc) where principal is not null;
create index access_trail_address on access_trail (address, access_id desc);
create index access_trail_operation on access_trail (operation, access_id desc);

-- Entries are only added. The end of their retention says so before it deletes.
create function refuse_trail_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('coursestream.trail_retention', true) = 'over' then
        return old;
    end if;
    raise exception 'the access trail is only added to: % is refused', tg_op using errcode = 'restrict_violation';
end $$;

create trigger access_trail_immutable before update or delete on access_trail
    for each row execute function refuse_trail_change();
create trigger access_trail_no_truncate before truncate on access_trail
    for each statement execute function refuse_trail_change();
