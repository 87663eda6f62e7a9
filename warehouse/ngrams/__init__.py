"""n-grams: counting them in SQL, and scoring texts with the counts."""
