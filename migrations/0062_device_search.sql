-- Searching devices by a part of their id or name, among millions. Trigrams find it; who may not create
-- the extension has the search read every device.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
        RAISE NOTICE 'pg_trgm cannot be created here: searches of devices read them all';
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX device_search ON sensing.device
            USING gin ((id || ' ' || coalesce(name ->> 'zh', '') || ' ' || coalesce(name ->> 'en', '')) gin_trgm_ops)
            -- Registering a million at once fills few long lists: a third of the cost of many short ones.
            WITH (gin_pending_list_limit = 16384);
    END IF;
END
$$;
