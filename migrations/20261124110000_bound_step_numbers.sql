-- Numbers in event data were cast to integer after they had passed for bigint: one message with a part of 3,000,000,000 failed every
-- question about steps. What fits into an integer is all that is taken for a number.
create or replace function analytics.whole_number(number text) returns bigint
    language sql immutable parallel safe
    return case when number ~ '^[0-9]{1,9}$' then number::bigint end;
comment on function analytics.whole_number(text) is
    'The number where the text is a whole number from 0 of at most 9 digits, else null.';
