CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE alerts (
	id INTEGER NOT NULL, 
	digest_id INTEGER NOT NULL, 
	subscription TEXT NOT NULL, 
	story_id INTEGER NOT NULL, 
	stage TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_alerts PRIMARY KEY (id), 
	CONSTRAINT fk_alerts_digest_id FOREIGN KEY(digest_id) REFERENCES digests (id), 
	CONSTRAINT fk_alerts_story_id FOREIGN KEY(story_id) REFERENCES stories (id), 
	CONSTRAINT uq_alerts_subscription_story_id_stage UNIQUE (subscription, story_id, stage)
);

CREATE VIRTUAL TABLE article_words
    USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii');

CREATE TABLE articles (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	link TEXT, 
	url TEXT, 
	feed_id INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	language TEXT, 
	publisher TEXT, 
	published_at VARCHAR(27), 
	first_seen VARCHAR(27) NOT NULL, 
	revision INTEGER NOT NULL, 
	matched_with TEXT, "indexed" INTEGER, 
	CONSTRAINT pk_articles PRIMARY KEY (id), 
	CONSTRAINT fk_articles_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id), 
	CONSTRAINT uq_articles_key UNIQUE ("key")
);

CREATE TABLE attachments (
	id INTEGER NOT NULL, 
	digest_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_attachments PRIMARY KEY (id), 
	CONSTRAINT fk_attachments_digest_id FOREIGN KEY(digest_id) REFERENCES digests (id), 
	CONSTRAINT uq_attachments_digest_id_number UNIQUE (digest_id, number)
);

CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	who TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	content TEXT NOT NULL, 
	previous TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id), 
	CONSTRAINT uq_audit_previous UNIQUE (previous), 
	CONSTRAINT uq_audit_hash UNIQUE (hash)
);

CREATE TABLE backtest_parts (
	id INTEGER NOT NULL, 
	backtest_id INTEGER NOT NULL, 
	above INTEGER NOT NULL, 
	upto INTEGER NOT NULL, 
	reached INTEGER NOT NULL, 
	outcome JSON NOT NULL, 
	CONSTRAINT pk_backtest_parts PRIMARY KEY (id), 
	CONSTRAINT fk_backtest_parts_backtest_id FOREIGN KEY(backtest_id) REFERENCES backtests (id), 
	CONSTRAINT uq_backtest_parts_backtest_id_above UNIQUE (backtest_id, above)
);

CREATE TABLE backtests (
	id INTEGER NOT NULL, 
	asked_at VARCHAR(27) NOT NULL, 
	lexicon TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	bound JSON NOT NULL, 
	since VARCHAR(27), 
	examples INTEGER NOT NULL, 
	CONSTRAINT pk_backtests PRIMARY KEY (id)
);

CREATE TABLE deliveries (
	id INTEGER NOT NULL, 
	digest_id INTEGER NOT NULL, 
	recipient TEXT NOT NULL, 
	message_id TEXT NOT NULL, 
	status TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	doubts INTEGER NOT NULL, 
	due_at VARCHAR(27), 
	claimed_by TEXT, 
	sent_at VARCHAR(27), 
	last_error TEXT, head BLOB, give_up_at VARCHAR(27), revivals INTEGER DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_deliveries PRIMARY KEY (id), 
	CONSTRAINT fk_deliveries_digest_id FOREIGN KEY(digest_id) REFERENCES digests (id), 
	CONSTRAINT uq_deliveries_digest_id_recipient UNIQUE (digest_id, recipient), 
	CONSTRAINT uq_deliveries_message_id UNIQUE (message_id)
);

CREATE TABLE digest_items (
	id INTEGER NOT NULL, 
	digest_id INTEGER NOT NULL, 
	subscription TEXT NOT NULL, 
	hit_id INTEGER NOT NULL, 
	CONSTRAINT pk_digest_items PRIMARY KEY (id), 
	CONSTRAINT fk_digest_items_digest_id FOREIGN KEY(digest_id) REFERENCES digests (id), 
	CONSTRAINT fk_digest_items_hit_id FOREIGN KEY(hit_id) REFERENCES hits (id), 
	CONSTRAINT uq_digest_items_subscription_hit_id UNIQUE (subscription, hit_id)
);

CREATE TABLE digests (
	id INTEGER NOT NULL, 
	subscription TEXT NOT NULL, 
	slot VARCHAR(27) NOT NULL, 
	composed_at VARCHAR(27) NOT NULL, 
	lexicon TEXT NOT NULL, 
	content JSON NOT NULL, 
	subject TEXT NOT NULL, 
	text TEXT NOT NULL, 
	html TEXT NOT NULL, body BLOB, kind TEXT DEFAULT 'digest' NOT NULL, brief JSON, token TEXT, pruned_at VARCHAR(27), 
	CONSTRAINT pk_digests PRIMARY KEY (id), 
	CONSTRAINT uq_digests_subscription_slot UNIQUE (subscription, slot)
);

CREATE TABLE feed_counts (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	newest_article_at VARCHAR(27), 
	articles INTEGER NOT NULL, 
	hits INTEGER NOT NULL, 
	full_texts INTEGER NOT NULL, 
	pages_waiting INTEGER NOT NULL, 
	pages_given_up INTEGER NOT NULL, 
	CONSTRAINT pk_feed_counts PRIMARY KEY (id)
);

CREATE TABLE feeds (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	url TEXT NOT NULL, 
	name TEXT NOT NULL, 
	language TEXT, 
	company TEXT, 
	interval_s INTEGER, 
	enabled BOOLEAN NOT NULL, 
	due_at VARCHAR(27) NOT NULL, 
	claimed_by TEXT, 
	state TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	last_ok_at VARCHAR(27), 
	last_error TEXT, 
	etag TEXT, 
	last_modified TEXT, 
	body_hash TEXT, usual_s INTEGER, host TEXT, state_since VARCHAR(27), state_reason TEXT, moved_to TEXT, moved_since VARCHAR(27), articles JSON, gaps INTEGER DEFAULT 0 NOT NULL, gap_at VARCHAR(27), haste INTEGER DEFAULT 0 NOT NULL, news_at VARCHAR(27), rhythm JSON, wishes JSON, page JSON, prints BLOB, full_text BOOLEAN DEFAULT 0 NOT NULL, push_until VARCHAR(27), 
	CONSTRAINT pk_feeds PRIMARY KEY (id), 
	CONSTRAINT uq_feeds_key UNIQUE ("key")
);

CREATE TABLE full_texts (
	id INTEGER NOT NULL, 
	article_id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	status TEXT NOT NULL, 
	due_at VARCHAR(27), 
	claimed_by TEXT, 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	asked_at VARCHAR(27), 
	error TEXT, 
	CONSTRAINT pk_full_texts PRIMARY KEY (id), 
	CONSTRAINT fk_full_texts_article_id FOREIGN KEY(article_id) REFERENCES articles (id), 
	CONSTRAINT fk_full_texts_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id), 
	CONSTRAINT uq_full_texts_article_id UNIQUE (article_id)
);

CREATE TABLE heartbeats (
	name TEXT NOT NULL, 
	digest_id INTEGER DEFAULT 0 NOT NULL, 
	called_at VARCHAR(27), 
	due_at VARCHAR(27), 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	tried_at VARCHAR(27), 
	error TEXT, 
	CONSTRAINT pk_heartbeats PRIMARY KEY (name)
);

CREATE TABLE "hits" (
	id INTEGER NOT NULL, 
	article_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	company TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	score DOUBLE NOT NULL, 
	stage TEXT, 
	regulator TEXT, 
	amount NUMERIC(24, 2), 
	currency TEXT, 
	amount_text TEXT, 
	sentence TEXT NOT NULL, 
	evidence JSON NOT NULL, 
	lexicon TEXT NOT NULL, 
	found_at VARCHAR(27) NOT NULL, 
	story_id INTEGER, 
	event_date DATE, 
	parts JSON DEFAULT '[]' NOT NULL, 
	quiet BOOLEAN DEFAULT 0 NOT NULL, 
	withdrawn_at VARCHAR(27), amounts JSON, joined TEXT, 
	CONSTRAINT pk_hits PRIMARY KEY (id), 
	CONSTRAINT fk_hits_story_id FOREIGN KEY(story_id) REFERENCES stories (id), 
	CONSTRAINT fk_hits_article_id FOREIGN KEY(article_id) REFERENCES articles (id), 
	CONSTRAINT uq_hits_article_id_company_topic_revision UNIQUE (article_id, company, topic, revision)
);

CREATE TABLE keys (
	name TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_keys PRIMARY KEY (name)
);

CREATE TABLE lexicons (
	fingerprint TEXT NOT NULL, 
	content TEXT NOT NULL, 
	valid_from VARCHAR(27) NOT NULL, inputs TEXT, 
	CONSTRAINT pk_lexicons PRIMARY KEY (fingerprint)
);

CREATE TABLE login_failures (
	id INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	address TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_login_failures PRIMARY KEY (id)
);

CREATE TABLE logins (
	id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	token TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_logins PRIMARY KEY (id), 
	CONSTRAINT fk_logins_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_logins_token UNIQUE (token)
);

CREATE TABLE near_misses (
	id INTEGER NOT NULL, 
	article_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	company TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	score DOUBLE NOT NULL, 
	reason TEXT NOT NULL, 
	possible BOOLEAN NOT NULL, 
	sentence TEXT NOT NULL, 
	evidence JSON NOT NULL, 
	parts JSON NOT NULL, 
	lexicon TEXT NOT NULL, 
	found_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_near_misses PRIMARY KEY (id), 
	CONSTRAINT fk_near_misses_article_id FOREIGN KEY(article_id) REFERENCES articles (id), 
	CONSTRAINT uq_near_misses_article_id_company_topic UNIQUE (article_id, company, topic)
);

CREATE TABLE polls (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	outcome TEXT NOT NULL, 
	status INTEGER, 
	bytes INTEGER NOT NULL, 
	entries INTEGER NOT NULL, 
	new INTEGER NOT NULL, 
	known INTEGER NOT NULL, 
	revised INTEGER NOT NULL, 
	rejected INTEGER NOT NULL, 
	error TEXT, 
	notes JSON, overlap INTEGER, gap BOOLEAN DEFAULT 0 NOT NULL, newest_at VARCHAR(27), took_ms INTEGER, handed_over TEXT, 
	CONSTRAINT pk_polls PRIMARY KEY (id), 
	CONSTRAINT fk_polls_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id)
);

CREATE TABLE proceedings (
	id INTEGER NOT NULL, 
	company TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_proceedings PRIMARY KEY (id)
);

CREATE TABLE prunings (
	name TEXT NOT NULL, 
	first_seen VARCHAR(27) NOT NULL, 
	article_id INTEGER NOT NULL, 
	CONSTRAINT pk_prunings PRIMARY KEY (name)
);

CREATE TABLE pushes (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	hub TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	token TEXT NOT NULL, 
	secret TEXT NOT NULL, 
	state TEXT NOT NULL, 
	due_at VARCHAR(27), 
	claimed_by TEXT, 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	lease_until VARCHAR(27), 
	pushed_at VARCHAR(27), 
	pending BOOLEAN DEFAULT 0 NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_pushes PRIMARY KEY (id), 
	CONSTRAINT fk_pushes_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id), 
	CONSTRAINT uq_pushes_feed_id UNIQUE (feed_id), 
	CONSTRAINT uq_pushes_token UNIQUE (token)
);

CREATE TABLE reviews (
	id INTEGER NOT NULL, 
	hit_id INTEGER NOT NULL, 
	verdict TEXT NOT NULL, 
	note TEXT, 
	who TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_reviews PRIMARY KEY (id), 
	CONSTRAINT fk_reviews_hit_id FOREIGN KEY(hit_id) REFERENCES hits (id)
);

CREATE TABLE revisions (
	id INTEGER NOT NULL, 
	article_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	replaced_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_revisions PRIMARY KEY (id), 
	CONSTRAINT fk_revisions_article_id FOREIGN KEY(article_id) REFERENCES articles (id), 
	CONSTRAINT uq_revisions_article_id_number UNIQUE (article_id, number)
);

CREATE TABLE searches (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	"query" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	who TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	changed_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_searches PRIMARY KEY (id), 
	CONSTRAINT uq_searches_name UNIQUE (name)
);

CREATE TABLE sightings (
	id INTEGER NOT NULL, 
	feed_id INTEGER NOT NULL, 
	guid TEXT NOT NULL, 
	article_id INTEGER NOT NULL, 
	content_hash TEXT NOT NULL, 
	CONSTRAINT pk_sightings PRIMARY KEY (id), 
	CONSTRAINT fk_sightings_article_id FOREIGN KEY(article_id) REFERENCES articles (id), 
	CONSTRAINT fk_sightings_feed_id FOREIGN KEY(feed_id) REFERENCES feeds (id), 
	CONSTRAINT uq_sightings_feed_id_guid_article_id UNIQUE (feed_id, guid, article_id)
);

CREATE TABLE stories (
	id INTEGER NOT NULL, 
	company TEXT NOT NULL, 
	topic TEXT NOT NULL, 
	stage TEXT, 
	headline TEXT NOT NULL, 
	first_at VARCHAR(27) NOT NULL, 
	last_at VARCHAR(27) NOT NULL, proceeding_id INTEGER, head_hit_id INTEGER, merged_into INTEGER, hits INTEGER, sources INTEGER, regulator TEXT, amount_text TEXT, 
	CONSTRAINT pk_stories PRIMARY KEY (id)
);

CREATE TABLE story_edits (
	id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	who TEXT NOT NULL, 
	verb TEXT NOT NULL, 
	story_id INTEGER NOT NULL, 
	other_story_id INTEGER NOT NULL, 
	hits JSON NOT NULL, 
	note TEXT, 
	CONSTRAINT pk_story_edits PRIMARY KEY (id), 
	CONSTRAINT fk_story_edits_story_id FOREIGN KEY(story_id) REFERENCES stories (id), 
	CONSTRAINT fk_story_edits_other_story_id FOREIGN KEY(other_story_id) REFERENCES stories (id)
);

CREATE TABLE subscriptions (
	name TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_subscriptions PRIMARY KEY (name)
);

CREATE TABLE suppressions (
	id INTEGER NOT NULL, 
	subscription TEXT NOT NULL, 
	recipient TEXT NOT NULL, 
	left_at VARCHAR(27) NOT NULL, 
	left_by TEXT NOT NULL, 
	returned_at VARCHAR(27), 
	returned_by TEXT, 
	CONSTRAINT pk_suppressions PRIMARY KEY (id)
);

CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	token TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27), 
	revoked_at VARCHAR(27), 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_name UNIQUE (name), 
	CONSTRAINT uq_tokens_token UNIQUE (token)
);

CREATE TABLE users (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	password TEXT, 
	made_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name)
);

CREATE TABLE workers (
	name TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	beat_at VARCHAR(27) NOT NULL, 
	stopped_at VARCHAR(27), 
	CONSTRAINT pk_workers PRIMARY KEY (name)
);

CREATE INDEX ix_alerts_digest_id ON alerts (digest_id);

CREATE INDEX ix_articles_feed_id_first_seen_published_at ON articles (feed_id, first_seen, published_at);

CREATE INDEX ix_articles_first_seen ON articles (first_seen);

CREATE INDEX ix_articles_link ON articles (link);

CREATE INDEX ix_articles_unindexed ON articles (id) WHERE indexed IS NULL OR indexed = 0;

CREATE INDEX ix_articles_unmatched ON articles (id) WHERE matched_with IS NULL;

CREATE INDEX ix_deliveries_due_at ON deliveries (due_at);

CREATE INDEX ix_deliveries_sent_at ON deliveries (sent_at);

CREATE INDEX ix_digest_items_digest_id ON digest_items (digest_id);

CREATE INDEX ix_digest_items_hit_id ON digest_items (hit_id);

CREATE INDEX ix_digests_composed_at ON digests (composed_at);

CREATE INDEX ix_digests_token ON digests (token);

CREATE INDEX ix_digests_whole ON digests (composed_at) WHERE pruned_at IS NULL;

CREATE INDEX ix_feeds_claimed ON feeds (host) WHERE claimed_by IS NOT NULL AND host IS NOT NULL;

CREATE INDEX ix_feeds_due_at ON feeds (due_at);

CREATE INDEX ix_full_texts_asked_at ON full_texts (asked_at);

CREATE INDEX ix_full_texts_due_at ON full_texts (due_at);

CREATE INDEX ix_full_texts_feed_id ON full_texts (feed_id);

CREATE INDEX ix_hits_company_article_id ON hits (company, article_id);

CREATE INDEX ix_hits_company_topic_found_at ON hits (company, topic, found_at);

CREATE INDEX ix_hits_found_at ON hits (found_at);

CREATE INDEX ix_hits_live ON hits (article_id) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_company ON hits (company, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_company_stage ON hits (company, stage, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_company_topic ON hits (company, topic, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_company_topic_stage ON hits (company, topic, stage, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_stage ON hits (stage, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_topic ON hits (topic, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_live_topic_stage ON hits (topic, stage, found_at) WHERE withdrawn_at IS NULL;

CREATE INDEX ix_hits_story_id_found_at ON hits (story_id, found_at);

CREATE INDEX ix_hits_sums ON hits (article_id) WHERE withdrawn_at IS NULL AND amount IS NOT NULL;

CREATE INDEX ix_hits_ungrouped ON hits (id) WHERE story_id IS NULL;

CREATE INDEX ix_hits_withdrawn_at ON hits (withdrawn_at) WHERE withdrawn_at IS NOT NULL;

CREATE INDEX ix_login_failures_account ON login_failures (account);

CREATE INDEX ix_login_failures_address ON login_failures (address);

CREATE INDEX ix_login_failures_at ON login_failures (at);

CREATE INDEX ix_logins_expires_at ON logins (expires_at);

CREATE INDEX ix_logins_user_id ON logins (user_id);

CREATE INDEX ix_near_misses_found_at ON near_misses (found_at);

CREATE INDEX ix_polls_at ON polls (at);

CREATE INDEX ix_polls_feed_id_at ON polls (feed_id, at);

CREATE INDEX ix_pushes_due_at ON pushes (due_at);

CREATE INDEX ix_reviews_at ON reviews (at);

CREATE INDEX ix_reviews_hit_id_id ON reviews (hit_id, id);

CREATE INDEX ix_revisions_replaced_at ON revisions (replaced_at);

CREATE INDEX ix_sightings_article_id ON sightings (article_id);

CREATE INDEX ix_stories_company_last_at ON stories (company, last_at);

CREATE INDEX ix_stories_company_stage_last_at ON stories (company, stage, last_at);

CREATE INDEX ix_stories_company_topic_last_at ON stories (company, topic, last_at);

CREATE INDEX ix_stories_company_topic_stage_last_at ON stories (company, topic, stage, last_at);

CREATE INDEX ix_stories_gone ON stories (last_at) WHERE hits = 0;

CREATE INDEX ix_stories_last_at ON stories (last_at);

CREATE INDEX ix_stories_proceeding_id ON stories (proceeding_id);

CREATE INDEX ix_stories_stage_last_at ON stories (stage, last_at);

CREATE INDEX ix_stories_topic_last_at ON stories (topic, last_at);

CREATE INDEX ix_stories_topic_stage_last_at ON stories (topic, stage, last_at);

CREATE UNIQUE INDEX uq_suppressions_away ON suppressions (subscription, recipient) WHERE returned_at IS NULL;

CREATE VIEW v_articles AS 
        SELECT a.id AS article_id, a.first_seen, a.published_at, a.title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               (SELECT COUNT(*) FROM hits h
                WHERE h.article_id = a.id AND h.withdrawn_at IS NULL) AS hits,
               a.revision, a.summary
        FROM articles a
        JOIN feeds f ON f.id = a.feed_id;

CREATE VIEW v_deliveries AS 
    SELECT d.digest_id, g.subscription, g.slot, d.recipient, d.status, d.attempts,
           d.message_id, d.sent_at, d.last_error, d.id AS delivery_id, d.due_at AS next_attempt_at, g.kind
    FROM deliveries d
    JOIN digests g ON g.id = d.digest_id;

CREATE VIEW v_feeds AS 
    SELECT f.key AS feed_id, f.url, f.name, f.state, f.last_ok_at, f.last_error,
           c.newest_article_at, COALESCE(c.articles, 0) AS articles, COALESCE(c.hits, 0) AS hits,
           f.state_since, f.state_reason, f.gaps, f.gap_at AS last_gap_at,
           f.moved_to, f.moved_since, f.due_at AS next_poll_at,
           COALESCE(c.full_texts, 0) AS full_texts,
           COALESCE(c.pages_waiting, 0) AS pages_waiting,
           COALESCE(c.pages_given_up, 0) AS pages_given_up,
           f.push_until,
           (SELECT p.error FROM pushes p WHERE p.feed_id = f.id) AS push_error
    FROM feeds f
    LEFT JOIN (SELECT feed_id, MAX(newest_article_at) AS newest_article_at,
                      CAST(SUM(articles) AS BIGINT) AS articles,
                      CAST(SUM(hits) AS BIGINT) AS hits,
                      CAST(SUM(full_texts) AS BIGINT) AS full_texts,
                      CAST(SUM(pages_waiting) AS BIGINT) AS pages_waiting,
                      CAST(SUM(pages_given_up) AS BIGINT) AS pages_given_up
               FROM feed_counts GROUP BY feed_id) c ON c.feed_id = f.id;

CREATE VIEW v_full_texts AS 
    SELECT t.article_id, f.key AS feed, a.url, t.status, t.attempts, t.asked_at AS last_attempt_at,
           t.due_at AS next_attempt_at, t.error
    FROM full_texts t
    JOIN feeds f ON f.id = t.feed_id
    JOIN articles a ON a.id = t.article_id;

CREATE VIEW v_hits AS 
    SELECT h.id AS hit_id, h.found_at, a.published_at, h.company, h.topic, h.stage,
           h.regulator, h.amount, h.currency, h.score, (SELECT v.verdict FROM reviews v WHERE v.hit_id = h.id
            ORDER BY v.id DESC LIMIT 1) AS verdict,
           COALESCE(r.title, a.title) AS title, a.url,
           COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
           h.story_id, h.sentence, h.event_date
    FROM hits h
    JOIN articles a ON a.id = h.article_id
    JOIN feeds f ON f.id = a.feed_id
    LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
    WHERE h.withdrawn_at IS NULL;

CREATE VIEW v_near_misses AS 
        SELECT n.id AS near_miss_id, n.found_at, a.published_at, n.company, n.topic, n.score,
               n.reason, n.possible, COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed, n.sentence
        FROM near_misses n
        JOIN articles a ON a.id = n.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = n.article_id AND r.number = n.revision;

CREATE VIEW v_polls AS 
        SELECT p.id AS poll_id, f.key AS feed, p.at, p.outcome, p.status, p.took_ms, p.bytes,
               p.entries, p.new, p.known, p.revised, p.rejected, p.overlap, p.gap, p.newest_at,
               p.handed_over, p.error, CAST(p.notes AS TEXT) AS notes
        FROM polls p
        JOIN feeds f ON f.id = p.feed_id;

CREATE VIEW v_reviews AS 
    SELECT v.id AS review_id, v.at, v.who, v.hit_id, v.verdict, v.note, h.company, h.topic,
           h.stage, h.score, f.key AS feed, COALESCE(r.title, a.title) AS title, a.url,
           v.id = (SELECT MAX(l.id) FROM reviews l WHERE l.hit_id = v.hit_id) AS holds
    FROM reviews v
    JOIN hits h ON h.id = v.hit_id
    JOIN articles a ON a.id = h.article_id
    JOIN feeds f ON f.id = a.feed_id
    LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision;

CREATE VIEW v_stories AS 
    SELECT s.id AS story_id, s.company, s.topic, s.stage, s.headline,
           s.first_at AS first_seen, s.last_at AS last_seen,
           COALESCE(s.sources, (SELECT COUNT(DISTINCT COALESCE(a.publisher, f.name)) FROM hits h
            JOIN articles a ON a.id = h.article_id JOIN feeds f ON f.id = a.feed_id
            WHERE h.story_id = s.id AND h.withdrawn_at IS NULL)) AS sources,
           COALESCE(s.hits, (SELECT COUNT(*) FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL)) AS hits,
           (SELECT h.regulator FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL
            AND h.regulator IS NOT NULL ORDER BY h.id LIMIT 1) AS regulator,
           (SELECT h.amount FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL
            AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS amount,
           (SELECT h.currency FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL
            AND h.amount IS NOT NULL ORDER BY h.id LIMIT 1) AS currency,
           s.proceeding_id, s.head_hit_id
    FROM stories s
    WHERE s.hits > 0 OR (s.hits IS NULL AND EXISTS (SELECT 1 FROM hits h WHERE h.story_id = s.id AND h.withdrawn_at IS NULL));

CREATE VIEW v_story_edits AS 
    SELECT e.id AS edit_id, e.at, e.who, e.verb, e.story_id, e.other_story_id, e.hits, e.note
    FROM story_edits e;

CREATE VIEW v_withdrawn_hits AS 
        SELECT h.id AS hit_id, h.withdrawn_at, h.found_at, a.published_at, h.company, h.topic,
               h.stage, h.score,
               (SELECT COUNT(*) FROM digest_items i WHERE i.hit_id = h.id) AS digests,
               COALESCE(r.title, a.title) AS title, a.url,
               COALESCE(a.publisher, f.name) AS publisher, a.language, f.key AS feed,
               h.story_id, h.sentence
        FROM hits h
        JOIN articles a ON a.id = h.article_id
        JOIN feeds f ON f.id = a.feed_id
        LEFT JOIN revisions r ON r.article_id = h.article_id AND r.number = h.revision
        WHERE h.withdrawn_at IS NOT NULL;

INSERT INTO article_words (article_words, rank) VALUES ('automerge', 16);

INSERT INTO article_words (article_words, rank) VALUES ('crisismerge', 32);

