// Generated from the OpenAPI document by scripts/openapi.mjs. Do not edit.

export interface paths {
    "/api/v1/course-generation/generate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a run
         * @description Answers at once with the id of the session whose log the run writes. A retry with the same `Idempotency-Key` (and the same
         *     body) is answered with the same session.
         */
        post: operations["startGeneration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/course-generation/session/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancel a run
         * @description Stops it on whichever node it runs and aborts its model calls. The session ends with `session_cancelled`.
         */
        post: operations["cancelGeneration"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/course-generation/session/{id}/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where a session stands */
        get: operations["getGenerationStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/course-generation/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sessions that are not expired
         * @description Newest first, at most 10,000.
         */
        get: operations["listGenerations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/courses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Saved courses, newest first */
        get: operations["listCourses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/courses/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One course with its parts, lessons, content and quizzes */
        get: operations["getCourse"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The history, newest first
         * @description All sessions that are kept, expired ones too.
         */
        get: operations["listSessions"];
        put?: never;
        /** Create a session for an outside producer */
        post: operations["createSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One session
         * @description The same before and after it expires.
         */
        get: operations["getSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End the session */
        post: operations["endSession"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The log of a session
         * @description Events behind `after`, in order; the same before and after the session expires.
         */
        get: operations["getSessionEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A session's whole log, streamed
         * @description Events behind `after` up to the end that the log has when the export begins (`Coursestream-Last-Offset`); of a running session
         *     that is what there is by then. The same before and after the session expires.
         *
         *     `ndjson` is the log itself: one envelope a line, as on the wire; its SHA-256 is the seal's `exportSha256`. `csv` (RFC 4180) is
         *     for spreadsheets: a message or a datum that begins with `=`, `+`, `-`, `@`, a tab, a carriage return or an apostrophe has
         *     an apostrophe in front of it, so that it is no formula.
         *
         *     A connection that breaks breaks the body; it is resumed with the last offset that arrived whole as `after`. The parts
         *     together are the file: CSV has its line of column names only where `after` is 0.
         */
        get: operations["exportSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Append messages
         * @description 1 to 1,000 messages, all or nothing. Answered once they are durable. With `Producer-Id` and `Producer-Seq` a retry is safe:
         *     the same pair is answered with the same offsets.
         */
        post: operations["appendMessages"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/seal": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A session's seal
         * @description Ended sessions get their seals within seconds. A seal outlives its session's history.
         */
        get: operations["getSeal"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow a session as server-sent events
         * @description Each event's `id` is its offset, `event` the name of the real-time event, `data` its payload. Starts behind
         *     `Last-Event-ID`, or `lastSeenOffset` where that header is absent, or from the start. A comment every 15 s keeps the
         *     connection open. Ends after the terminal event.
         */
        get: operations["streamSession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/sessions/{id}/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether a session is as it was sealed
         * @description Recomputes the hashes of its log and of its seal, and names what was altered, moved, removed or inserted.
         */
        get: operations["verifySession"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/verify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the history is as it was sealed
         * @description Checks the chain of seals and the logs that they seal, a page at a time: a page ends after `limit` seals, or sooner where it
         *     has read many events. Follow `nextAfter` to the end: what is missing there shows on the last page.
         */
        get: operations["verifyHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process is up */
        get: operations["getLiveness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The node can serve */
        get: operations["getReadiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics in Prometheus' text format */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** AnswerOption */
        AnswerOption: {
            is_correct: boolean;
            /** @description `A` to `D`. */
            option: string;
            text: string;
        };
        /** AppendedMessages */
        AppendedMessages: {
            /** Format: uint64 */
            firstOffset: number;
            /** Format: uint64 */
            lastOffset: number;
        };
        /** Cancelled */
        Cancelled: {
            sessionId: string;
            status: string;
            success: boolean;
        };
        /**
         * Counts
         * @description Events by StreamMessage type.
         */
        Counts: {
            /** Format: uint64 */
            course_generated: number;
            /** Format: uint64 */
            error: number;
            /** Format: uint64 */
            log: number;
            /** Format: uint64 */
            progress: number;
            /** Format: uint64 */
            success: number;
        };
        /**
         * Course
         * @description A course with everything in it.
         */
        Course: {
            description: string;
            /** Format: uuid */
            id: string;
            /** @description 1 to 5 parts. */
            parts: components["schemas"]["Part"][];
            prerequisites: string[];
            target_audience: string;
            title: string;
            total_duration: string;
        };
        /**
         * CoursesPage
         * @description Some courses, newest first.
         */
        CoursesPage: {
            items: components["schemas"]["ListedCourse"][];
            /** @description Give it as `cursor` to go on; absent at the end. */
            nextCursor?: string;
        };
        /** CreatedSession */
        CreatedSession: {
            sessionId: string;
            /** @description Sent as `Authorization: Bearer …` with appends; shown here once. */
            writeToken: string;
        };
        /**
         * CreateSession
         * @description A session whose events come from outside.
         */
        CreateSession: {
            /** @description The program's name, shown as the session's provider; at most 200 characters. */
            producer?: string;
            /** @description 1 to 500 characters after trimming. */
            topic: string;
            /**
             * Format: uuid
             * @description Whose session it is.
             */
            user_id: string;
        };
        /** EndedSession */
        EndedSession: {
            /** Format: uint64 */
            lastOffset: number;
            sessionId: string;
            status: string;
        };
        /** EndSession */
        EndSession: {
            /** Format: uuid */
            courseId?: string;
            /** @description Why it failed. */
            error?: string;
            /** @description `completed` or `failed`. */
            status: string;
        };
        /**
         * Event
         * @description One event of a log.
         */
        Event: {
            data?: unknown;
            message: string;
            /**
             * Format: uint64
             * @description Position in the session: 1, 2, 3 … with no holes.
             */
            offset: number;
            /** Format: uuid */
            sessionId: string;
            /** Format: date-time */
            timestamp: string;
            /**
             * @description `log`, `progress`, `success`, `error`, `course_generated`, `session_started`, `session_completed`, `session_failed` or
             *     `session_cancelled`.
             */
            type: string;
        };
        /**
         * EventsPage
         * @description Some events of a log, in order.
         */
        EventsPage: {
            /** @description Whether the session has ended: nothing follows `lastOffset`. */
            ended: boolean;
            items: components["schemas"]["Event"][];
            /** Format: uint64 */
            lastOffset: number;
            /**
             * Format: uint64
             * @description Where the next page begins; absent once there is no more for now.
             */
            nextAfter?: number;
        };
        /**
         * @description The form of an export.
         * @enum {string}
         */
        ExportFormat: "ndjson" | "csv";
        /**
         * Failure
         * @description An error as existing clients expect it.
         */
        Failure: {
            error: string;
            success: boolean;
        };
        /**
         * Finding
         * @description Something that is not as it was sealed.
         */
        Finding: {
            /** @description The same in words. */
            detail: string;
            /**
             * Format: uint64
             * @description Of events: the first that it is about.
             */
            firstOffset?: number;
            /**
             * Format: uint64
             * @description Of events: the last that it is about.
             */
            lastOffset?: number;
            /**
             * Format: uint64
             * @description Of moved events: where the first of them is now.
             */
            movedTo?: number;
            /**
             * Format: uint64
             * @description Of the seal in the chain.
             */
            position?: number;
            /** Format: uuid */
            sessionId?: string;
            /**
             * @description `events_altered`, `events_removed`, `events_inserted`, `events_moved`, `log_altered` (where is not known), `log_removed`,
             *     `log_unreadable`, `session_removed`, `partition_removed`, `leaves_altered`, `leaves_removed`, `seal_altered`, `chain_broken`,
             *     `seals_removed`, `seal_removed` or `head_unknown`.
             */
            what: string;
        };
        /**
         * GenerateRequest
         * @description What a course is to be about.
         * @example {
         *       "course_topic": "Rust ownership",
         *       "search_web": false,
         *       "user_id": "11111111-1111-4111-8111-111111111111"
         *     }
         */
        GenerateRequest: {
            /** @description 1 to 500 characters after trimming. */
            course_topic: string;
            /**
             * @description Let the model search the web.
             * @default false
             */
            search_web: boolean;
            /**
             * Format: uuid
             * @description Who asks.
             */
            user_id: string;
        };
        /**
         * Head
         * @description The end of the chain. Whoever keeps it can ask later, with `head`, whether the chain still has it.
         */
        Head: {
            /**
             * Format: uint64
             * @description 0 before anything was sealed.
             */
            position: number;
            sha256: string;
        };
        /** Lesson */
        Lesson: {
            content: components["schemas"]["LessonContent"];
            description: string;
            /** Format: uint32 */
            lesson_number: number;
            title: string;
        };
        /** LessonContent */
        LessonContent: {
            content: string;
            estimated_duration: string;
            examples: string[];
            exercises: string[];
            key_concepts: string[];
            learning_objectives: string[];
            quiz: components["schemas"]["Quiz"];
            title: string;
        };
        /**
         * ListedCourse
         * @description A course in a list.
         */
        ListedCourse: {
            /** Format: uuid */
            courseId: string;
            /** Format: date-time */
            createdAt: string;
            description: string;
            /** Format: uint32 */
            lessons: number;
            /** Format: uint32 */
            parts: number;
            /**
             * Format: uuid
             * @description The session whose run wrote it.
             */
            sessionId: string;
            title: string;
            /** Format: uuid */
            userId: string;
        };
        /** ListedSession */
        ListedSession: {
            sessionId: string;
            status: string;
        };
        /** Live */
        Live: {
            /** @description `ok`. */
            status: string;
        };
        /**
         * NewMessage
         * @description A message as it is described; it is read as an [`Incoming`].
         */
        NewMessage: {
            /** @description Any JSON; for `course_generated` it is `{courseId, course, summary}`. */
            data?: unknown;
            message: string;
            /** @description `log`, `progress`, `success`, `error` or `course_generated`. */
            type: string;
        };
        /** Part */
        Part: {
            description: string;
            learning_goals: string[];
            /** @description 1 to 5 lessons. */
            lessons: components["schemas"]["Lesson"][];
            /** Format: uint32 */
            part_number: number;
            title: string;
        };
        /**
         * Problem
         * @description An error, as `application/problem+json` (RFC 9457).
         */
        Problem: {
            /** @description The code, the same as real-time events carry. */
            code: string;
            /** @description What was wrong with this request: the field and the rule, where there is one. */
            detail: string;
            /**
             * Format: uint16
             * @description The HTTP status of the answer.
             */
            status: number;
            /** @description The kind of problem in a few words. */
            title: string;
            /** @description Names the kind of problem: `urn:coursestream:problem:` and the code. */
            type: string;
        };
        /** Question */
        Question: {
            explanation?: string;
            /** @description Four options, exactly one of them correct. */
            options: components["schemas"]["AnswerOption"][];
            question: string;
        };
        /** Quiz */
        Quiz: {
            /** @description Three questions. */
            questions: components["schemas"]["Question"][];
        };
        /**
         * Ready
         * @description Whether the node can serve, and why not.
         */
        Ready: {
            /** @description The database answers. */
            database: boolean;
            /** @description Every migration of this version is applied. */
            migrations: boolean;
            /** @description `ok`; `degraded` while wake-ups from other nodes do not arrive and the log is polled instead; `unavailable`. */
            status: string;
            /** @description The node was told to stop. */
            stopping: boolean;
            /** @description Wake-ups from other nodes arrive: the node's own probe came back. */
            wakeups: boolean;
        };
        /**
         * Seal
         * @description A link of the chain of seals. `sha256` is the SHA-256 of the object without that member, as RFC 8785 writes it. All hashes are 64
         *     hexadecimal digits.
         */
        Seal: {
            /** @description Of the NDJSON export. */
            exportSha256?: string;
            /** @description `session`. */
            kind: string;
            /**
             * Format: uint64
             * @description The offset of the log's last event.
             */
            lastOffset?: number;
            /**
             * @description Of the leaves, by which a check tells where a log was changed: for each offset the first 16 bytes of the SHA-256 of the
             *     event's NDJSON line from its `"type"` on.
             */
            leavesSha256?: string;
            /** @description Of the envelopes in order, each as RFC 8785 writes it and followed by a line feed. */
            logSha256?: string;
            /**
             * Format: uint64
             * @description Place in the chain: 1, 2, 3 … with no holes.
             */
            position: number;
            /** @description `sha256` of the link before; zeros for the first. */
            previousSha256: string;
            /** Format: date-time */
            sealedAt: string;
            /** Format: uuid */
            sessionId?: string;
            sha256: string;
        };
        /**
         * SessionsPage
         * @description Some sessions, newest first.
         */
        SessionsPage: {
            items: components["schemas"]["SessionSummary"][];
            /** @description Give it as `cursor` to go on; absent at the end. */
            nextCursor?: string;
        };
        /**
         * SessionSummary
         * @description A session: what was asked for, where it stands, what it cost.
         */
        SessionSummary: {
            /** @description Whether the events are in the archive. */
            archived: boolean;
            /**
             * Format: uint32
             * @description How many nodes have worked on the run, one after the other.
             */
            attempts: number;
            counts: components["schemas"]["Counts"];
            /** Format: uuid */
            courseId?: string;
            /** Format: uint64 */
            durationMs?: number;
            /** Format: date-time */
            endedAt?: string;
            error?: string;
            /** Format: uint64 */
            lastOffset: number;
            model: string;
            /** @description `openai`, `offline`, or the name of the outside producer; empty while the run is queued. */
            provider: string;
            searchWeb: boolean;
            /** Format: uuid */
            sessionId: string;
            /**
             * Format: date-time
             * @description When the session was created.
             */
            startedAt: string;
            /** @description `queued`, `running`, `completed`, `failed`, `cancelled` or `expired`. */
            status: string;
            topic: string;
            usage: components["schemas"]["Usage"];
            /** Format: uuid */
            userId: string;
        };
        /**
         * SessionVerification
         * @description Whether a session is as it was sealed.
         */
        SessionVerification: {
            /** @description The history was dropped at the end of its retention, as the chain says. */
            dropped: boolean;
            /**
             * Format: uint64
             * @description Events that were read.
             */
            events: number;
            findings: components["schemas"]["Finding"][];
            /** @description Nothing was found. Where `dropped` is true, of the seal alone. */
            intact: boolean;
            /** Format: uuid */
            sessionId: string;
        };
        /** Started */
        Started: {
            message: string;
            sessionId: string;
            success: boolean;
        };
        /** StatusOfAll */
        StatusOfAll: {
            sessions: components["schemas"]["ListedSession"][];
            success: boolean;
        };
        /** StatusOfOne */
        StatusOfOne: {
            /** Format: uint64 */
            lastOffset: number;
            sessionId: string;
            /** @description `queued`, `running`, `completed`, `failed`, `cancelled` or `expired`. */
            status: string;
            success: boolean;
        };
        /**
         * Usage
         * @description Tokens that the model vendor counted.
         */
        Usage: {
            /** Format: uint64 */
            completionTokens: number;
            /** Format: uint64 */
            promptTokens: number;
        };
        /**
         * Verification
         * @description What was checked of the chain, and what is not as it was sealed.
         */
        Verification: {
            /**
             * Format: uint64
             * @description Sessions whose history was dropped at the end of its retention, as the chain says.
             */
            dropped: number;
            /**
             * Format: uint64
             * @description Events that were read.
             */
            events: number;
            findings: components["schemas"]["Finding"][];
            head: components["schemas"]["Head"];
            /** @description Nothing was found on this page. */
            intact: boolean;
            /**
             * Format: uint64
             * @description Give it as `after` to go on; absent at the end.
             */
            nextAfter?: number;
            /**
             * Format: uint64
             * @description Links of the chain that were checked.
             */
            seals: number;
            /**
             * Format: uint64
             * @description Logs that were held against their seals.
             */
            sessions: number;
            /**
             * Format: uint64
             * @description Ended sessions that have no seal yet, counted up to 10,000.
             */
            unsealed: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    startGeneration: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes a retry safe: 1 to 255 characters, chosen by the client. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json; charset=utf-8": components["schemas"]["GenerateRequest"];
            };
        };
        responses: {
            /** @description The run is queued; follow its session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Started"];
                };
            };
            /** @description The body is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The Idempotency-Key was used before with another request. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Too many runs are waiting, or the database is away. Try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "RETRY-AFTER": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
        };
    };
    cancelGeneration: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run is cancelled. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Cancelled"];
                };
            };
            /** @description There is no such session. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The session had ended already. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The database is away. Try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "RETRY-AFTER": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
        };
    };
    getGenerationStatus: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where the session stands. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["StatusOfOne"];
                };
            };
            /** @description There is no such session. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The database is away. Try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "RETRY-AFTER": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
        };
    };
    listGenerations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sessions that are not expired, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["StatusOfAll"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The database is away. Try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "RETRY-AFTER": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
        };
    };
    listCourses: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description At most so many. */
                limit?: number;
                /** @description Only this user's. */
                user_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The courses. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["CoursesPage"];
                };
            };
            /** @description A parameter is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getCourse: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The course. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The course. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Course"];
                };
            };
            /** @description There is no such course. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSessions: {
        parameters: {
            query?: {
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description At most so many. */
                limit?: number;
                /** @description Only those started at this moment or later. */
                started_after?: string;
                /** @description Only those started before this moment. */
                started_before?: string;
                /** @description Only those with this status; several are separated by commas. */
                status?: string;
                /** @description Only those whose topic contains this text, in whatever case. */
                topic?: string;
                /** @description Only this user's. */
                user_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sessions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SessionsPage"];
                };
            };
            /** @description A parameter is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json; charset=utf-8": components["schemas"]["CreateSession"];
            };
        };
        responses: {
            /** @description The session. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["CreatedSession"];
                };
            };
            /** @description The body is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SessionSummary"];
                };
            };
            /** @description There is no such session. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    endSession: {
        parameters: {
            query?: never;
            header?: {
                /** @description `Bearer` and the write token; optional while the server runs open. */
                authorization?: string;
            };
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json; charset=utf-8": components["schemas"]["EndSession"];
            };
        };
        responses: {
            /** @description The session has ended. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["EndedSession"];
                };
            };
            /** @description The body is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The write token is not this session's. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such session, or no outside producer's. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The session had ended before. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSessionEvents: {
        parameters: {
            query?: {
                /** @description Events behind this offset; 0 for the start. */
                after?: number;
                /** @description At most so many. */
                limit?: number;
                /** @description Only events of this type; several are separated by commas. */
                type?: string;
            };
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["EventsPage"];
                };
            };
            /** @description A parameter is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such session. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    exportSession: {
        parameters: {
            query?: {
                /** @description Events behind this offset; 0 for the start. */
                after?: number;
                /** @description The form. */
                format?: components["schemas"]["ExportFormat"] & unknown;
            };
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log. */
            200: {
                headers: {
                    /** @description The name of the file. */
                    "Content-Disposition": string;
                    /** @description The offset of the last event of this export. */
                    "Coursestream-Last-Offset": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": string;
                    "text/csv; charset=utf-8": string;
                };
            };
            /** @description A parameter is not valid, or `after` is beyond the end of the log. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such session. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    appendMessages: {
        parameters: {
            query?: never;
            header?: {
                /** @description `Bearer` and the write token; optional while the server runs open. */
                authorization?: string;
                /** @description Names the producer among those of the session: 1 to 200 characters. */
                "Producer-Id"?: string;
                /** @description Numbers this producer's appends, from 0. */
                "Producer-Seq"?: string;
            };
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json; charset=utf-8": components["schemas"]["NewMessage"][];
            };
        };
        responses: {
            /** @description The messages are durable. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["AppendedMessages"];
                };
            };
            /** @description The body is not valid; nothing was appended. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The write token is not this session's. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such session, or no outside producer's. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The session has ended; nothing was appended. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. A retry with `Producer-Id` and `Producer-Seq` is safe. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSeal: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Seal"];
                };
            };
            /** @description There is no such session (`session_not_found`), or it has no seal yet (`not_sealed`). */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    streamSession: {
        parameters: {
            query?: {
                /** @description The last-seen offset. */
                lastSeenOffset?: string;
            };
            header?: {
                /** @description The last-seen offset, as browsers send it; wins over the query. */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events behind the last-seen offset, and the live ones after them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description The session has ended and the client has all of it: an `EventSource` stops here. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A parameter is not valid, or the offset is beyond the end of the log. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description There is no such session. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The session has expired; its events are in the history. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The log cannot be read at the moment. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    verifySession: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The session. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SessionVerification"];
                };
            };
            /** @description There is no such session (`session_not_found`), or it has no seal yet (`not_sealed`). */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    verifyHistory: {
        parameters: {
            query?: {
                /** @description `nextAfter` of the page before: a position in the chain. */
                after?: number;
                /** @description Only what was sealed at this moment or later. */
                from?: string;
                /** @description The `sha256` of a head that was kept earlier: is it still in the chain? */
                head?: string;
                /** @description At most so many seals. */
                limit?: number;
                /** @description Only what was sealed before this moment. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Verification"];
                };
            };
            /** @description A parameter is not valid. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The server could not answer. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The database is away. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLiveness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Live"];
                };
            };
        };
    };
    getReadiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The node serves. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Ready"];
                };
            };
            /** @description The node does not. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Ready"];
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; charset=utf-8": string;
                };
            };
        };
    };
}
