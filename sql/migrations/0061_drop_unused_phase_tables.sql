drop table if exists raw_ngram_count;

drop table if exists raw_ngram_score;

drop table if exists raw_similarity;
