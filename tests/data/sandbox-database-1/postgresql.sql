CREATE TABLE public.access_tokens (
    token_hash character varying(43) NOT NULL,
    jkt character varying(43) NOT NULL,
    order_number character varying(40),
    device_id character varying(64),
    device_row character varying(32),
    request_id character varying(32),
    acr character varying(60) NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.auth_codes (
    code_hash character varying(43) NOT NULL,
    jkt character varying(43) NOT NULL,
    client_id character varying(100) NOT NULL,
    kind character varying(10) NOT NULL,
    order_number character varying(40),
    device_id character varying(64),
    device_row character varying(32),
    replaces character varying(64),
    replaces_row character varying(32),
    verified boolean NOT NULL,
    max_age integer NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.auth_sessions (
    id_hash character varying(43) NOT NULL,
    jkt character varying(43) NOT NULL,
    client_id character varying(100) NOT NULL,
    kind character varying(10) NOT NULL,
    asked character varying(43) NOT NULL,
    order_number character varying(40),
    device_id character varying(64),
    device_row character varying(32),
    replaces character varying(64),
    replaces_row character varying(32),
    code_hash character varying(43) NOT NULL,
    tries integer NOT NULL,
    max_age integer NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.consents (
    order_number character varying(40) NOT NULL,
    device_id character varying(64) NOT NULL,
    device_row character varying(32) NOT NULL,
    purpose character varying(64) NOT NULL,
    recipient character varying(64) NOT NULL,
    record_id character varying(36) NOT NULL,
    state character varying(10) NOT NULL,
    policy_version integer NOT NULL,
    policy_sha256 character varying(64) NOT NULL,
    at integer NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.devices (
    order_number character varying(40) NOT NULL,
    id character varying(64) NOT NULL,
    row_id character varying(32) NOT NULL,
    jkt character varying(43) NOT NULL,
    name character varying(60) NOT NULL,
    bound_on date NOT NULL
);
CREATE TABLE public.disclosures (
    id character varying(32) NOT NULL,
    order_number character varying(40) NOT NULL,
    recipient character varying(200) NOT NULL,
    kind character varying(40) NOT NULL,
    basis character varying(40) NOT NULL,
    categories text NOT NULL,
    day date NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.guardian_confirmations (
    order_number character varying(40) NOT NULL,
    device_id character varying(64) NOT NULL,
    device_row character varying(32) NOT NULL,
    request_hash character varying(43) NOT NULL,
    policy_version integer NOT NULL,
    policy_sha256 character varying(64) NOT NULL,
    confirmed_at integer NOT NULL
);
CREATE TABLE public.guardian_requests (
    id_hash character varying(43) NOT NULL,
    order_number character varying(40) NOT NULL,
    device_id character varying(64) NOT NULL,
    device_row character varying(32) NOT NULL,
    about character varying(10) NOT NULL,
    policy_version integer NOT NULL,
    policy_sha256 character varying(64) NOT NULL,
    code_hash character varying(43) NOT NULL,
    tries integer NOT NULL,
    used boolean NOT NULL,
    code_until integer NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.idempotency (
    jkt character varying(43) NOT NULL,
    key_hash character varying(43) NOT NULL,
    fingerprint character varying(43) NOT NULL,
    path character varying(200) NOT NULL,
    order_number character varying(40),
    device_id character varying(64),
    device_row character varying(32),
    request_id character varying(32),
    status integer,
    headers text,
    body bytea,
    expires_at integer NOT NULL
);
CREATE TABLE public.meta (
    name character varying(40) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.orders (
    number character varying(40) NOT NULL,
    row_id character varying(32) NOT NULL,
    device_limit integer NOT NULL,
    paid_until date NOT NULL,
    created_on date NOT NULL,
    contact_email character varying(254),
    contact_since date,
    language character varying(35),
    language_since date
);
CREATE TABLE public.payments (
    invoice character varying(40) NOT NULL,
    order_number character varying(40),
    record character varying(200) NOT NULL,
    paid_on date NOT NULL,
    hold_until date NOT NULL
);
CREATE TABLE public.refresh_tokens (
    token_hash character varying(43) NOT NULL,
    jkt character varying(43) NOT NULL,
    client_id character varying(100) NOT NULL,
    order_number character varying(40) NOT NULL,
    device_id character varying(64) NOT NULL,
    device_row character varying(32) NOT NULL,
    issued_on date NOT NULL
);
CREATE TABLE public.removed_keys (
    key_hash character varying(43) NOT NULL,
    expires_at integer NOT NULL
);
CREATE TABLE public.rights_requests (
    id character varying(32) NOT NULL,
    jkt character varying(43) NOT NULL,
    asked_by character varying(32) NOT NULL,
    refresh_hash character varying(43),
    exercise character varying(10) NOT NULL,
    scope character varying(10) NOT NULL,
    status character varying(12) NOT NULL,
    received_at integer NOT NULL,
    expected_by integer,
    expires_at integer NOT NULL,
    order_number character varying(40),
    device_id character varying(64),
    device_row character varying(32),
    receipt text
);
CREATE TABLE public.tickets (
    ticket_id character varying(64) NOT NULL,
    order_number character varying(40),
    device_id character varying(64),
    device_row character varying(32),
    scope character varying(10) NOT NULL,
    by_code boolean NOT NULL,
    made_on date NOT NULL,
    replay_hash character varying(43),
    receipt text,
    expires_at integer
);
CREATE TABLE public.tunnels (
    order_number character varying(40) NOT NULL,
    device_id character varying(64) NOT NULL,
    device_row character varying(32) NOT NULL,
    public_key character varying(44) NOT NULL,
    address character varying(18) NOT NULL,
    created_at integer NOT NULL,
    expires_at integer NOT NULL
);
INSERT INTO public.access_tokens VALUES ('fe7HhTanYzth1-FrWgNMAZJatRu6T1laF7KWrDoEU1k', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 'urn:rocketvpn:acr:device', 1800000900);
INSERT INTO public.access_tokens VALUES ('mNArj1eEMC_1rVf1nFLHLQNxusbVzWvLuyFNr5dU3LQ', 'MZQql4xtHMQG6Gn8kE2w76UESHY9cSJJF3D_porBnGE', 'RV-OLD-0001', 'C3VM7NISRCVS7YD45QTJHILXWMAVTUUKUFIQ2OTKSB5AUL5ATDFQ', 'e034380561c802fc504fa2bda8da7aec', NULL, 'urn:rocketvpn:acr:device', 1800000900);
INSERT INTO public.access_tokens VALUES ('Y8pVlSAnsQeiRc-szltspgRDGlPELNrcNrwURk61raE', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 'urn:rocketvpn:acr:email-code', 1800000300);
INSERT INTO public.access_tokens VALUES ('ibqDFPOGLc8f3dQjpAY1MByGEHVRdI8CuynzjdFnEYw', 'sQDo0c0haHAhC4xsuOeEFb4B-xS5DYr_v9Riw3fdl6A', 'RV-OLD-0001', NULL, NULL, NULL, 'urn:rocketvpn:acr:owner', 1800000900);
INSERT INTO public.auth_codes VALUES ('Te0amanTcNF7v3FLenhCdHuHSEoDqqmSMt_p-er5VU0', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'org.example.vpn', 'step_up', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, NULL, true, 300, 1800000060);
INSERT INTO public.auth_sessions VALUES ('vo8HqVP91UTlzpOmrt-Um2ZGfQTd6PHMspG8PIW_Gdo', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'org.example.vpn', 'step_up', 'Ycr_CzMT9o2IiPVv1eC3RUWqWs7ONvLeKkQK0rB7Kqc', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, NULL, 'mTNUXY8wZS56-MrS0SuYrmEtIdpRTkxLjoEXoub_4RQ', 0, 300, 1800000600);
INSERT INTO public.consents VALUES ('RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'diagnostics', '', '3760fd6b-4400-4cba-a63d-c5acefe11962', 'denied', 2, '1086448bf76accfe873f37eb221bb6185ea0525b339c2f9e3c123b7de2aade72', 1795860000, 1894608000);
INSERT INTO public.devices VALUES ('RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'Violet Heron', '2027-01-15');
INSERT INTO public.devices VALUES ('RV-OLD-0001', 'C3VM7NISRCVS7YD45QTJHILXWMAVTUUKUFIQ2OTKSB5AUL5ATDFQ', 'e034380561c802fc504fa2bda8da7aec', 'MZQql4xtHMQG6Gn8kE2w76UESHY9cSJJF3D_porBnGE', 'White Falcon', '2027-01-15');
INSERT INTO public.disclosures VALUES ('dd638c20354bb41e9d0eb519ad1d8946', 'RV-OLD-0001', 'A court', 'third_party', 'court', '["account"]', '2027-01-15', 1894608000);
INSERT INTO public.guardian_confirmations VALUES ('RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'k-pgud3SBR7rehPEm6GhzUG3Lwx1NFyrEeLX_fbF-rE', 2, '1086448bf76accfe873f37eb221bb6185ea0525b339c2f9e3c123b7de2aade72', 1800000000);
INSERT INTO public.guardian_requests VALUES ('k-pgud3SBR7rehPEm6GhzUG3Lwx1NFyrEeLX_fbF-rE', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'agreement', 2, '1086448bf76accfe873f37eb221bb6185ea0525b339c2f9e3c123b7de2aade72', 'W7QU4o6NLIR8idIzKEQXAdJzXHhSm6aTpNuRrSofP54', 0, true, 1800604800, 1803196800);
INSERT INTO public.guardian_requests VALUES ('ENUdTR0PJA23sQMMW-Au2osKYTt39Qu4nCa9SYkW3ak', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'agreement', 2, '1086448bf76accfe873f37eb221bb6185ea0525b339c2f9e3c123b7de2aade72', 'ekQh8nw5uNaGzrWRubEjlMWUafZ_YRJ7iXMh5U_79u4', 0, false, 1800604800, 1803196800);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'kcpVTjyiINxsLup8ga4kKqUOi67fxWYasHDMRVfvCps', 'f5zCBJP_ePIOLxOsfQ28VIZGZpjel2kMj73KCa8Y6oY', '/v1/tunnels', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 201, '[["Content-Type", "application/json"]]', '\xebb9e95146de0ef54b5fd2d79f9c8b247fe3ba6a9e7eafd4dc6e077b52589181d8307598628b195172669edc4c5b4ec1260f3eae94d69d05e06c88ba459b8f8e3cff378a5461d94748acfbcb616c4a230ff4ffdda8063c2d59f6d1659ba3544b8ba5266ff0364caaff8fd9d9b0ba488465da0c5a2fb822658a35a91eeaddd3f23ca5fae90676c36fa38c30f15f3c4002f8fa5c67395d4afe8720ce97a25cb4d136b8fb217373a0d75a597544af090ebd91511f7191c1af3826ec5c8813af835708eab62e427d2a0fefdbf1dfacc4cf0bf599e5e40d0943ff14c618600ced54c8f7c0d739ee79e4c51367ae0486', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'j4eTQqlEXtcaKfZl8vOeiT797lsRJqYQDkEUZk5uPwc', 'N1cUamWDq8PjnVKvusPLnd_dQ3v9kbLhm6fCeXWLygY', '/v1/consents/diagnostics', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 200, '[["Content-Type", "application/json"]]', '\xc7a707f8631af89f92339e8587b169ef1c45f1d8fc0523b8b633ea94b46b989f0673f8e804a8c41d40b864201452bba91e39da020b04f4600c0c76b1901f936921b5e38969de4a0ec094338bad600fa5403cc5ccd4c336146ff5bfcadefe6b05e5288fb241e1f2f351342631201f942d236f32f931e095b8d21a7433ca25761a163ee1b29c41543dceb57f40b705c48d7d9ebc4252b97088866d97fc20d0b57ccb37465c261d4605f42d2a1d6e12123a942434b9354f0959e1ac815c69df1e1f2129ce1d61b304be11680a4e31be7d84cb75e21860e75edb4e67fb864981d96a0b0a9c26327f42eeb0551d91964dcf8a15e11cd2d81507678d811a', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'SD7mKjiDQpz9ouGSoMwzcWCu6vt0F_9Sg4GOVh3tlk0', 'wDQLolWI1mRpgTKWmb0Rj2DLJzp0Kr83mUH_QiBW_-Y', '/v1/guardian-requests', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 201, '[["Content-Type", "application/json"], ["Location", "/v1/guardian-requests/579e39a0b66bd54f4e74d1dcfe242317"]]', '\x7b1b251efe621200a0255f47d15a57afeee186597ebe743388731fda19def4b133a5528c5e76f32546657d08ad31db330e79ff376a77d8715807649e7627cd3cd634f0744ac9ea564cfb79078f4c3cd0c662cd0aef8bb2e094f570b660de2b907a13c020a8d2ce0b7bf6e75d44fcf00f871f43cacf8918148101b3f5a331c5ac2ce835d9160c7e34097e8ab8f9d31bcd1cc372a5b018ccffc4ca5f1ea9744739da789ee9e58afdef908753c80f200dd566a2c705d10432c648968e28184f257ed3aa91d6774d3a07d173184c1558cb94182b7091cf4fa79e5303423b39c36bcd343ca0770114b3055ccc7e4e69105891a51ee27f05e294ff8c67a8', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'vY9kvMCLS1ERqdhjghIX0xfKjg-OiYpluCNRTRfgRec', 'HwasZp0ukqkruPguUDQVYOsLAtqMhfRuMBDoVnqRXGU', '/v1/guardian-requests/579e39a0b66bd54f4e74d1dcfe242317/confirm', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 200, '[["Content-Type", "application/json"]]', '\x51b9e619cb83c5444dc1c2c9518abcb715729465db502c11d4f3bb6c01e9fd0ef6162fec3329936588c3eff0a6271eb5170ebeb50e61a6aad406e7e7e9680a3de44ccf3d64d32689908f186c25a253a55df52caa9b0b3c6e156240076239af406da304b49bd7c5e19d4e606fa624098f3134b612cda313fe7d937b9b834386aa79e9d15d316b1ea77f0cabe5c7f8c84efafd080fcdf368f95482b8f750bcdac5c6273d5d2f9ed4fbc1967c7b82e592e2cb93160becb18ef334545c419996176269baf62da07d081a9886d8b0c9395fc316d967eaa3e0ab875b8c840b37ed5c56af47400bd968e8b121da6ce085', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'Yfe-qqE_hQ4BAlMnOpOW_fFhoasm9xIkMf70FYtKz2k', 'uRsSpyMbNhuS1GaN02_uJNo2KGHpHozvRhg-GcVPIOI', '/v1/guardian-requests', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 201, '[["Content-Type", "application/json"], ["Location", "/v1/guardian-requests/736841f30c8f5ca08547e5d2cbaa211c"]]', '\x80aa894dad53e1d618d289f2f1b74ee6cfb14a104363d6da5df79e2ad063b1b452654c1da920dfdecf8d6d2684d473c663844bd682d96aa814f328d2657e26c3c89674ce48d5a713ad9b238f9c199ef3904a91ac9b36430331cb3f017f5a0e54db8ee83e9b38b6bec311a55659f46214d2b7d1fc7284e99d45dadb39793058cfff7b6abe853054c2d208755c70359be83876714d4ba5facf58d69a0f4ad8a9b4e8ab6aed0a210dd883b03167f809062fe7be42d26432565801117587dbcc0eb4de41813be25b45bb81e42e96dfe07643d95e2120165e93b6dabf499d346542dd5aa954608eaae873180ce13bede527049ed5dd33a8a473335162d0', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'pJ17107C9538zMAWUgh0mHTUYjOYWfLZDjrMq_GO8SA', 'beha119MWPIbBJ1FoubLKPWYYpV6g0U6C_aiege8ZPc', '/v1/erasure-tickets', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 201, '[["Content-Type", "application/json"], ["Location", "/v1/erasure-tickets/bd25617ff154d5ebfa71dc7abe03f7f824a83908b1913a21909c3ff7d0c15d2e"]]', '\xd81ece453d1a2f872b1cb801f76990bb2b74ac09625655d0457af28a0d83994d9fc01a15adc2df4aa86a24ea98d39ce9dc4cb0161c51aa4f55ab98cc0004f499d3b81d21580fd57cca2762e3733a2ce663f2a334c2952be2c20fdf8eb6c1eef5ab0de0dd5684d04fbdf497c50025dd5677da9b2e2cd0272a247cdf1e765219f921965dd5889bc27fa7eae142169e65ef122834536af1c0a4018eb3252e25e6a2738dfd', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'waa1SPUW34q18nWapbPa0L1BmcMy7ozdViANCv5VkFs', 'nNn81BOHpDAT3kkIEA3rKv0G3OVEdpNQYKssX4azAAc', '/v1/erasure-tickets', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL, 201, '[["Content-Type", "application/json"], ["Location", "/v1/erasure-tickets/d50f7b9ad87538f900645c662d3d012edc798a5a207e0731b797b493c29344ef"]]', '\xcfe60ad47fe2667eafc88021bf3cbad5acab2a78b6b4a9db3ce6bfba1e1e9a467f5178c6795876eeaca8c90ed463f4d78d840f786d52fe2874d00e2fcc5bcc5ca4464d0bf0ad4c3ddf4407ea9b53eb916ce3f4dc3d0dc6ef6aefc83dde2e034abb3842d5eb8fed191c770aeec8d329f6e93b094b05cbde8acd9d445c2ad1542b1d78d177b9782bb014856d105b1b6984eda65415d946b9e6b6e8a3a68f0f56b3ad19f4d1', 1800086400);
INSERT INTO public.idempotency VALUES ('MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', '4VZ0IMYXmhdfAvM_NA57PqkSRW0M0FW2Cy0mKu7BH-4', 'T-63PTePADnlu7eotrkgxDnLAKA0a2c8sjvRMfRtC28', '/v1/data-rights-requests', NULL, NULL, NULL, 'd319866ca3293cd6268f4553da68ddcc', 201, '[["Content-Type", "application/json"], ["Location", "/v1/data-rights-requests/d319866ca3293cd6268f4553da68ddcc"]]', '\xa7e47908c0deba7ee9bb5891e16796212faa7f4e07d3b7b0c8bd6cb87191cc4def8c23673fd0073e27d7483861d05420a392b07c98fc051b104cc237d85bcc3ee0896d70505adc54898251ffe8f8f57c3cc1c9835d1f117b90f444f55e3435a0b7b1d1b0e7326ec2a4e1e03cbfc064315cbd17ce764531ac9c4086cad64f55351e64378488b34d5917f208b6c2b6655caea788d8ffff3a2bdf35269fed49787d52f3300b57fd6660ee7d14f3dc90f9ee24783b2f3392e90401b46c81c768741c4d13e673e039ab18bcc30fadc5d5cfe03ee2bff712f9617c1f516f3f7da6975802f3d41e883e8474973f63e782d54347fd24', 1894608000);
INSERT INTO public.idempotency VALUES ('sQDo0c0haHAhC4xsuOeEFb4B-xS5DYr_v9Riw3fdl6A', 'CAHc1CgfWU0gPrhKPn3tgr0KVKNQ2Vr66Qt1zym9Npc', 'mCDDc_LCHQDqegfWtgDgDfB5XRkoCG5YaW6eVK8j3EA', '/v1/owner/data-rights-requests', NULL, NULL, NULL, '0e80e8528108e74084bc272942e5f67d', 201, '[["Content-Type", "application/json"], ["Location", "/v1/owner/data-rights-requests/0e80e8528108e74084bc272942e5f67d"]]', '\x945ad6bbd1fb02c8a54c93a4a7944ed897ae2cef8a9ffdba06e77616888be99cf51cda97af911a66862e47204c7930e1ed48b1a56cda7ebad065cce329449770bfc6266bc3675519b0be4bdbdd0859c404644b9412191b4a8ef7bfb41ce5ce0cb3b851743f969a4846bd14e12932c07f6a92c1af03dbc720ebcc01cdff6eec93b0545a4650665632897ffb108f78032e704509c8dd68eb2fafcb2d10d52f91724190c10e807bf9f985c57e5e48f278ebd532e55edd3fa72013c0121e90f86f513ca4e2e8b1bef4a69e0ba0daa0b35e56656679fd28cfba1b78c9a97a49cc82f5a5983df9755333b8374858769bd02e10f85f', 1894608000);
INSERT INTO public.meta VALUES ('seeded', '2027-01-15');
INSERT INTO public.orders VALUES ('RV-2026-0001', 'f7cd60393b8972a4d945ec2fe39012a4', 3, '2028-01-15', '2027-01-15', 'kim@example.org', '2027-01-15', NULL, NULL);
INSERT INTO public.orders VALUES ('RV-2026-0002', '74019ec044cf19bb6f26bbdd5bdd79c0', 1, '2028-01-15', '2027-01-15', 'lou@example.org', '2027-01-15', NULL, NULL);
INSERT INTO public.orders VALUES ('RV-2026-0003', '300fcb7886de198eed37d261546eeaf9', 3, '2027-01-14', '2026-01-14', 'max@example.org', '2026-01-14', NULL, NULL);
INSERT INTO public.orders VALUES ('RV-OLD-0001', 'a42bf0a53580caf1cb3de0a56fcf85f2', 5, '2028-01-15', '2027-01-15', '23ea161c57f7@example.org', '2027-01-15', NULL, NULL);
INSERT INTO public.payments VALUES ('INV-9CE00444BC13', 'RV-2026-0001', 'Invoice INV-9CE00444BC13: one year of Rocket VPN, paid on 2027-01-15', '2027-01-15', '2037-01-12');
INSERT INTO public.payments VALUES ('INV-42839DE0F6B6', 'RV-2026-0002', 'Invoice INV-42839DE0F6B6: one year of Rocket VPN, paid on 2027-01-15', '2027-01-15', '2037-01-12');
INSERT INTO public.payments VALUES ('INV-8AAA4E0C8F75', 'RV-2026-0003', 'Invoice INV-8AAA4E0C8F75: one year of Rocket VPN, paid on 2026-01-14', '2026-01-14', '2036-01-12');
INSERT INTO public.payments VALUES ('INV-6831550EF446', 'RV-OLD-0001', 'Invoice INV-6831550EF446: one year of Rocket VPN, paid on 2027-01-15', '2027-01-15', '2037-01-12');
INSERT INTO public.refresh_tokens VALUES ('9BggX5_Fehu0bDtMm0uuUmyeViljNAMTDjZGGJY3w6M', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', 'org.example.vpn', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', '2027-01-15');
INSERT INTO public.refresh_tokens VALUES ('TDUVN9hcCK6McU20E19tSIH3EpSUU7_jRl9-PFB5B7M', 'MZQql4xtHMQG6Gn8kE2w76UESHY9cSJJF3D_porBnGE', 'org.example.vpn', 'RV-OLD-0001', 'C3VM7NISRCVS7YD45QTJHILXWMAVTUUKUFIQ2OTKSB5AUL5ATDFQ', 'e034380561c802fc504fa2bda8da7aec', '2027-01-15');
INSERT INTO public.rights_requests VALUES ('d319866ca3293cd6268f4553da68ddcc', 'MZBgT-bb_DUrpnqyYjB7HdzfOnwiNvTLZA3oZ8JClD8', '42cb6098c154ead903653b7bb1f673bd', NULL, 'deletion', 'device', 'open', 1800000000, 1802592000, 1894608000, 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', NULL);
INSERT INTO public.rights_requests VALUES ('0e80e8528108e74084bc272942e5f67d', 'sQDo0c0haHAhC4xsuOeEFb4B-xS5DYr_v9Riw3fdl6A', 'a42bf0a53580caf1cb3de0a56fcf85f2', NULL, 'deletion', 'device', 'open', 1800000000, 1802592000, 1894608000, 'RV-OLD-0001', 'C3VM7NISRCVS7YD45QTJHILXWMAVTUUKUFIQ2OTKSB5AUL5ATDFQ', 'e034380561c802fc504fa2bda8da7aec', NULL);
INSERT INTO public.tickets VALUES ('bd25617ff154d5ebfa71dc7abe03f7f824a83908b1913a21909c3ff7d0c15d2e', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'device', true, '2027-01-15', NULL, NULL, NULL);
INSERT INTO public.tickets VALUES ('d50f7b9ad87538f900645c662d3d012edc798a5a207e0731b797b493c29344ef', 'RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'account', true, '2027-01-15', NULL, NULL, NULL);
INSERT INTO public.tunnels VALUES ('RV-OLD-0001', 'HRMEIV73ODBC5R2YKMJTMQ3F3K6WRZWNI7X5BOUWRIYEBVEJQYTQ', '42cb6098c154ead903653b7bb1f673bd', 'zeiJ+HlSNHtsp3ecgp9m1mnbKZE5ie8QP1SJNol+QpI=', '10.66.0.2/32', 1800000000, 1800604800);
ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.auth_codes
    ADD CONSTRAINT auth_codes_pkey PRIMARY KEY (code_hash);
ALTER TABLE ONLY public.auth_sessions
    ADD CONSTRAINT auth_sessions_pkey PRIMARY KEY (id_hash);
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_pkey PRIMARY KEY (order_number, device_id, purpose, recipient);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_order_number_id_row_id_key UNIQUE (order_number, id, row_id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (order_number, id);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_row_id_key UNIQUE (row_id);
ALTER TABLE ONLY public.disclosures
    ADD CONSTRAINT disclosures_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.guardian_confirmations
    ADD CONSTRAINT guardian_confirmations_pkey PRIMARY KEY (order_number, device_id);
ALTER TABLE ONLY public.guardian_requests
    ADD CONSTRAINT guardian_requests_pkey PRIMARY KEY (id_hash);
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (jkt, key_hash);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_row_id_key UNIQUE (row_id);
ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (invoice);
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY public.removed_keys
    ADD CONSTRAINT removed_keys_pkey PRIMARY KEY (key_hash);
ALTER TABLE ONLY public.rights_requests
    ADD CONSTRAINT rights_requests_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (ticket_id);
ALTER TABLE ONLY public.tunnels
    ADD CONSTRAINT tunnels_address_key UNIQUE (address);
ALTER TABLE ONLY public.tunnels
    ADD CONSTRAINT tunnels_pkey PRIMARY KEY (order_number, device_id);
CREATE INDEX ix_access_tokens_device_row ON public.access_tokens USING btree (device_row);
CREATE INDEX ix_access_tokens_order_number ON public.access_tokens USING btree (order_number);
CREATE INDEX ix_access_tokens_request_id ON public.access_tokens USING btree (request_id);
CREATE INDEX ix_auth_codes_device_row ON public.auth_codes USING btree (device_row);
CREATE INDEX ix_auth_codes_order_number ON public.auth_codes USING btree (order_number);
CREATE INDEX ix_auth_codes_replaces_row ON public.auth_codes USING btree (replaces_row);
CREATE INDEX ix_auth_sessions_asked ON public.auth_sessions USING btree (asked);
CREATE INDEX ix_auth_sessions_device_row ON public.auth_sessions USING btree (device_row);
CREATE INDEX ix_auth_sessions_order_number ON public.auth_sessions USING btree (order_number);
CREATE INDEX ix_auth_sessions_replaces_row ON public.auth_sessions USING btree (replaces_row);
CREATE INDEX ix_consents_device_row ON public.consents USING btree (device_row);
CREATE INDEX ix_devices_jkt ON public.devices USING btree (jkt);
CREATE INDEX ix_disclosures_order_number ON public.disclosures USING btree (order_number);
CREATE INDEX ix_guardian_confirmations_device_row ON public.guardian_confirmations USING btree (device_row);
CREATE INDEX ix_guardian_requests_device_row ON public.guardian_requests USING btree (device_row);
CREATE INDEX ix_guardian_requests_order_number ON public.guardian_requests USING btree (order_number);
CREATE INDEX ix_idempotency_device_row ON public.idempotency USING btree (device_row);
CREATE INDEX ix_idempotency_order_number ON public.idempotency USING btree (order_number);
CREATE INDEX ix_idempotency_request_id ON public.idempotency USING btree (request_id);
CREATE INDEX ix_payments_order_number ON public.payments USING btree (order_number);
CREATE INDEX ix_refresh_tokens_device_row ON public.refresh_tokens USING btree (device_row);
CREATE INDEX ix_refresh_tokens_order_number ON public.refresh_tokens USING btree (order_number);
CREATE INDEX ix_rights_requests_asked_by ON public.rights_requests USING btree (asked_by);
CREATE INDEX ix_rights_requests_jkt ON public.rights_requests USING btree (jkt);
CREATE INDEX ix_rights_requests_order_number ON public.rights_requests USING btree (order_number);
CREATE INDEX ix_rights_requests_refresh_hash ON public.rights_requests USING btree (refresh_hash);
CREATE INDEX ix_tickets_device_row ON public.tickets USING btree (device_row);
CREATE INDEX ix_tickets_order_number ON public.tickets USING btree (order_number);
CREATE INDEX ix_tunnels_device_row ON public.tunnels USING btree (device_row);
ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.access_tokens
    ADD CONSTRAINT access_tokens_request_id_fkey FOREIGN KEY (request_id) REFERENCES public.rights_requests(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_codes
    ADD CONSTRAINT auth_codes_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_codes
    ADD CONSTRAINT auth_codes_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_codes
    ADD CONSTRAINT auth_codes_replaces_row_fkey FOREIGN KEY (replaces_row) REFERENCES public.devices(row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_sessions
    ADD CONSTRAINT auth_sessions_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_sessions
    ADD CONSTRAINT auth_sessions_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_sessions
    ADD CONSTRAINT auth_sessions_replaces_row_fkey FOREIGN KEY (replaces_row) REFERENCES public.devices(row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.consents
    ADD CONSTRAINT consents_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.disclosures
    ADD CONSTRAINT disclosures_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.guardian_confirmations
    ADD CONSTRAINT guardian_confirmations_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.guardian_confirmations
    ADD CONSTRAINT guardian_confirmations_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.guardian_requests
    ADD CONSTRAINT guardian_requests_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.guardian_requests
    ADD CONSTRAINT guardian_requests_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_request_id_fkey FOREIGN KEY (request_id) REFERENCES public.rights_requests(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE SET NULL;
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.rights_requests
    ADD CONSTRAINT rights_requests_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number);
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
ALTER TABLE ONLY public.tunnels
    ADD CONSTRAINT tunnels_order_number_device_id_device_row_fkey FOREIGN KEY (order_number, device_id, device_row) REFERENCES public.devices(order_number, id, row_id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tunnels
    ADD CONSTRAINT tunnels_order_number_fkey FOREIGN KEY (order_number) REFERENCES public.orders(number) ON DELETE CASCADE;
