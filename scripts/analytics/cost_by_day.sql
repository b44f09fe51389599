-- What do the providers' tokens cost each day, by currency? And how many runs have no price, so that their cost is missing?
-- Prices are the operator's: see coursestream.model_prices.
select day, currency, sum(runs)::bigint as runs, sum(cost) as cost
from analytics.daily_costs
group by day, currency
order by day, currency nulls last;
