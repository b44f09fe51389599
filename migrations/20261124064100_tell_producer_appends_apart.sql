-- A retry of an outside producer's append is answered with the offsets of the first try. To tell it from another append that
-- bears the same number by mistake, the messages are remembered by their hash. Older rows have none and match any messages.

alter table producer_appends add column messages_sha256 bytea check (octet_length(messages_sha256) = 32);
