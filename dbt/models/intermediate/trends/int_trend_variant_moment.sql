{{ config(materialized="view") }} {{ trend_moments("not is_kept_by_token and represents_fit") }}
