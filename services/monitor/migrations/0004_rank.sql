-- Ranks were '0:' (repaired) or '1:' and the event's id; now they are as `src/decide/rank.ts` says. Which event recorded
-- the rows of these segments is not known any more, so that they stand by their own id.
update truth_segment set rank = substr(rank, 3) || '/' || substr(rank, 3);
update prediction_row set label_rank = substr(label_rank, 3) || '/' || substr(label_rank, 3) where label_rank is not null;
