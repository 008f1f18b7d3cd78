-- An intake adds to the pending list only, a fifth of the work; the worker empties the list every other second,
-- so that searches find it short and no intake has to.
ALTER INDEX cases.search_grams SET (fastupdate = on);
