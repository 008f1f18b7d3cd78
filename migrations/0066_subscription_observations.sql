-- Subscriptions that get readings as SensorThings' Observations, by MQTT.
ALTER TABLE sensing.subscription DROP CONSTRAINT subscription_channel_check;
ALTER TABLE sensing.subscription ADD CONSTRAINT subscription_channel_check
    CHECK (channel IN ('webhook', 'mqtt', 'events', 'sensorthings'));
