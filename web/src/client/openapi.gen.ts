// Generated from the OpenAPI document by scripts/openapi.mjs. Do not edit.

export interface paths {
    "/api/v1/analytics/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happened in a span of time
         * @description Sessions started and ended, what they took and how many were open at once, in buckets of the same width: 1,000 at most.
         *     Buckets begin at `from`.
         */
        get: operations["getActivitySummary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/audit/access": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who read what, newest first
         * @description Every read of the history through this API: of the list of sessions, of a session, its events, its export, its seal, of
         *     courses, of whether anything was changed, and of this trail; and every session that a key follows over a stream. A read is in
         *     the trail before it is answered. A parameter that was given more than once is a list of all its values.
         */
        get: operations["listAccesses"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
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
         *     body) is answered with the same session. Where too many runs are waiting, try again after `Retry-After` seconds.
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
    "/api/v1/course-generation/session/{id}/ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A ticket for a session's stream
         * @description For a browser's `EventSource`, which cannot send headers: `GET /api/v1/sessions/{id}/stream?ticket=…`. It opens the
         *     stream of this session and nothing else, until it expires; a stream that it has opened goes on for as long as the token that the
         *     ticket was asked for with is good.
         */
        post: operations["createStreamTicket"];
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
        /**
         * Saved courses, newest first
         * @description As the history of sessions: what is saved while somebody turns the pages stands before the first of them.
         */
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
    "/api/v1/seals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The chain of seals
         * @description From its beginning on, links behind `after`: what is sealed while somebody turns the pages stands at the end. Each link's
         *     `previousSha256` is the `sha256` of the one before it. The seals of history that was dropped at the end of its retention stay,
         *     and a link of the kind `retention` tells of it.
         */
        get: operations["listSeals"];
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
         * @description All sessions that are kept, expired ones too. What is created while somebody turns the pages stands before the first of
         *     them: no session is shown twice, and none that was there is left out.
         */
        get: operations["listSessions"];
        put?: never;
        /**
         * Create a session for an outside producer
         * @description The producer appends messages to it and ends it, with the write token that is shown here once.
         */
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
         * @description The same before and after it expires, but for its status.
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
        /**
         * End the session
         * @description Nothing can be appended after that.
         */
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
         * @description Events behind `after`, in order; the same before and after the session expires. A page ends early where its events are
         *     large: go on behind `nextAfter` until it is absent.
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
         * @description 1 to 1,000 messages, all or nothing. Answered once they are durable. With `Producer-Id` and `Producer-Seq` a retry is safe,
         *     after a 503 too: the same pair with the same messages is answered with the same offsets; with other messages it is refused.
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
         * @description Recomputes the hashes of its log and of its seal, and names what was altered, moved, removed or inserted. A log that is as it
         *     was sealed is then what the session's row and its courses are held against.
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
         * @description Checks the chain of seals, the logs that they seal, and what sessions and courses tell against the logs, a page at a time: a
         *     page ends after `limit` seals, or sooner where it has read many events. Follow `nextAfter` to the end: what is missing there shows on the last page.
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
        /**
         * Access
         * @description One read of the history.
         * @example {
         *       "accessId": "0199f7b0-11aa-7d30-8f5b-a1c2d3e4f506",
         *       "address": "192.0.2.7",
         *       "at": "2026-01-31T12:15:00.001Z",
         *       "operation": "getSessionEvents",
         *       "parameters": {
         *         "after": "17",
         *         "limit": "100"
         *       },
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "status": 200
         *     }
         */
        Access: {
            /** Format: uuid */
            accessId: string;
            /** @description Where the request came from. */
            address?: string;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            at: string;
            /** @description The operation's id in this document; `join_session` where a session was followed by a key, on whatever transport. */
            operation: string;
            /** @description The other parameters, as they were given: texts, or lists of texts. */
            parameters: unknown;
            /** @description Who asked; absent while the server runs open. */
            principal?: string;
            /**
             * Format: uuid
             * @description The session that was asked for, where it was one.
             */
            sessionId?: string;
            /**
             * Format: uint16
             * @description The status of the answer.
             */
            status: number;
        };
        /**
         * AccessesPage
         * @description Some entries of the access trail, newest first.
         * @example {
         *       "items": [
         *         {
         *           "accessId": "0199f7b0-11aa-7d30-8f5b-a1c2d3e4f506",
         *           "address": "192.0.2.7",
         *           "at": "2026-01-31T12:15:00.001Z",
         *           "operation": "getSessionEvents",
         *           "parameters": {
         *             "after": "17",
         *             "limit": "100"
         *           },
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "status": 200
         *         }
         *       ],
         *       "nextCursor": "AAY3xa2sAAABmfeibB57OpxVLx1Oint7"
         *     }
         */
        AccessesPage: {
            items: components["schemas"]["Access"][];
            /** @description Give it as `cursor` to go on; absent at the end. */
            nextCursor?: string;
        };
        /**
         * ActivityFigures
         * @description Sessions of a bucket or of the span. What ended is told where it ended, whenever it was started.
         * @example {
         *       "cancelled": 1,
         *       "completed": 31,
         *       "completionTokens": 581400,
         *       "durationMs": {
         *         "p50": 41250,
         *         "p95": 97800,
         *         "p99": 121030
         *       },
         *       "events": 1360,
         *       "failed": 2,
         *       "openMax": 4,
         *       "promptTokens": 452200,
         *       "started": 34
         *     }
         */
        ActivityFigures: {
            /**
             * Format: uint64
             * @description Sessions that were cancelled.
             */
            cancelled: number;
            /**
             * Format: uint64
             * @description Sessions that completed.
             */
            completed: number;
            /**
             * Format: uint64
             * @description Tokens of the answers to them.
             */
            completionTokens: number;
            /** @description How long the sessions that ended took from their start; absent where none ended. */
            durationMs?: components["schemas"]["DurationPercentiles"] & unknown;
            /**
             * Format: uint64
             * @description Events in the logs of the sessions that ended.
             */
            events: number;
            /**
             * Format: uint64
             * @description Sessions that failed.
             */
            failed: number;
            /**
             * Format: uint64
             * @description The most sessions that were open, queued or running, at one moment.
             */
            openMax: number;
            /**
             * Format: uint64
             * @description Tokens of the prompts of the sessions that ended.
             */
            promptTokens: number;
            /**
             * Format: uint64
             * @description Sessions that were started.
             */
            started: number;
        };
        /**
         * ActivitySummary
         * @description What happened in a span of time, bucket by bucket.
         * @example {
         *       "bucketSeconds": 3600,
         *       "buckets": [
         *         {
         *           "cancelled": 1,
         *           "completed": 31,
         *           "completionTokens": 581400,
         *           "durationMs": {
         *             "p50": 41250,
         *             "p95": 97800,
         *             "p99": 121030
         *           },
         *           "events": 1360,
         *           "failed": 2,
         *           "openMax": 4,
         *           "promptTokens": 452200,
         *           "start": "2026-01-31T12:00:00.000Z",
         *           "started": 34
         *         }
         *       ],
         *       "from": "2026-01-31T12:00:00.000Z",
         *       "to": "2026-01-31T13:00:00.000Z",
         *       "total": {
         *         "cancelled": 1,
         *         "completed": 31,
         *         "completionTokens": 581400,
         *         "durationMs": {
         *           "p50": 41250,
         *           "p95": 97800,
         *           "p99": 121030
         *         },
         *         "events": 1360,
         *         "failed": 2,
         *         "openMax": 4,
         *         "promptTokens": 452200,
         *         "started": 34
         *       }
         *     }
         */
        ActivitySummary: {
            /** @description Every bucket of the span, in order, the empty ones too. */
            buckets: components["schemas"]["Bucket"][];
            /**
             * Format: uint64
             * @description Width of the buckets; the last may be cut short by `to`.
             */
            bucketSeconds: number;
            /** Format: date-time */
            from: string;
            /**
             * Format: date-time
             * @description Not part of the span itself.
             */
            to: string;
            /** @description The span as a whole. */
            total: components["schemas"]["ActivityFigures"] & unknown;
        };
        /** AnswerOption */
        AnswerOption: {
            is_correct: boolean;
            /** @description `A` to `D`. */
            option: string;
            text: string;
        };
        /**
         * AppendedMessages
         * @description The messages are durable.
         * @example {
         *       "firstOffset": 17,
         *       "lastOffset": 19
         *     }
         */
        AppendedMessages: {
            /** Format: uint64 */
            firstOffset: number;
            /** Format: uint64 */
            lastOffset: number;
        };
        /**
         * @example {
         *       "code": "bad_request",
         *       "detail": "The request is not valid",
         *       "status": 400,
         *       "title": "The request is not valid",
         *       "type": "urn:coursestream:problem:bad_request"
         *     }
         */
        BadRequestOrOffsetAheadProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "bad_request" | "offset_ahead";
            /** @enum {string} */
            type?: "urn:coursestream:problem:bad_request" | "urn:coursestream:problem:offset_ahead";
        };
        /**
         * @example {
         *       "code": "bad_request",
         *       "detail": "The request is not valid",
         *       "status": 400,
         *       "title": "The request is not valid",
         *       "type": "urn:coursestream:problem:bad_request"
         *     }
         */
        BadRequestProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "bad_request";
            /** @enum {string} */
            type?: "urn:coursestream:problem:bad_request";
        };
        /**
         * Bucket
         * @description What happened in a bucket.
         * @example {
         *       "cancelled": 1,
         *       "completed": 31,
         *       "completionTokens": 581400,
         *       "durationMs": {
         *         "p50": 41250,
         *         "p95": 97800,
         *         "p99": 121030
         *       },
         *       "events": 1360,
         *       "failed": 2,
         *       "openMax": 4,
         *       "promptTokens": 452200,
         *       "start": "2026-01-31T12:00:00.000Z",
         *       "started": 34
         *     }
         */
        Bucket: {
            /**
             * Format: uint64
             * @description Sessions that were cancelled.
             */
            cancelled: number;
            /**
             * Format: uint64
             * @description Sessions that completed.
             */
            completed: number;
            /**
             * Format: uint64
             * @description Tokens of the answers to them.
             */
            completionTokens: number;
            /** @description How long the sessions that ended took from their start; absent where none ended. */
            durationMs?: components["schemas"]["DurationPercentiles"] & unknown;
            /**
             * Format: uint64
             * @description Events in the logs of the sessions that ended.
             */
            events: number;
            /**
             * Format: uint64
             * @description Sessions that failed.
             */
            failed: number;
            /**
             * Format: uint64
             * @description The most sessions that were open, queued or running, at one moment.
             */
            openMax: number;
            /**
             * Format: uint64
             * @description Tokens of the prompts of the sessions that ended.
             */
            promptTokens: number;
            /**
             * Format: date-time
             * @description The beginning of the bucket.
             */
            start: string;
            /**
             * Format: uint64
             * @description Sessions that were started.
             */
            started: number;
        };
        /**
         * Cancelled
         * @description The run is cancelled.
         * @example {
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "status": "cancelled",
         *       "success": true
         *     }
         */
        Cancelled: {
            /** Format: uuid */
            sessionId: string;
            status: components["schemas"]["SessionStatus"];
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
         * @example {
         *       "description": "Who owns a value, who borrows it, and for how long.",
         *       "id": "0199f7a2-9d40-7c11-8e02-6b7a5c3d9f18",
         *       "parts": [
         *         {
         *           "description": "Every value has one owner.",
         *           "learning_goals": [
         *             "Tell who owns a value"
         *           ],
         *           "lessons": [
         *             {
         *               "content": {
         *                 "content": "A value that is assigned to another name moves there.",
         *                 "estimated_duration": "40 minutes",
         *                 "examples": [
         *                   "let b = a;"
         *                 ],
         *                 "exercises": [
         *                   "Find the move that the compiler complains of."
         *                 ],
         *                 "key_concepts": [
         *                   "move"
         *                 ],
         *                 "learning_objectives": [
         *                   "See where a value moves"
         *                 ],
         *                 "quiz": {
         *                   "questions": [
         *                     {
         *                       "explanation": "One at a time: when it goes out of scope, the value is dropped.",
         *                       "options": [
         *                         {
         *                           "is_correct": false,
         *                           "option": "A",
         *                           "text": "None"
         *                         },
         *                         {
         *                           "is_correct": true,
         *                           "option": "B",
         *                           "text": "One"
         *                         },
         *                         {
         *                           "is_correct": false,
         *                           "option": "C",
         *                           "text": "Two"
         *                         },
         *                         {
         *                           "is_correct": false,
         *                           "option": "D",
         *                           "text": "Any number"
         *                         }
         *                       ],
         *                       "question": "How many owners has a value?"
         *                     },
         *                     {
         *                       "explanation": "One at a time: when it goes out of scope, the value is dropped.",
         *                       "options": [
         *                         {
         *                           "is_correct": false,
         *                           "option": "A",
         *                           "text": "None"
         *                         },
         *                         {
         *                           "is_correct": true,
         *                           "option": "B",
         *                           "text": "One"
         *                         },
         *                         {
         *                           "is_correct": false,
         *                           "option": "C",
         *                           "text": "Two"
         *                         },
         *                         {
         *                           "is_correct": false,
         *                           "option": "D",
         *                           "text": "Any number"
         *                         }
         *                       ],
         *                       "question": "How many owners has a value?"
         *                     },
         *                     {
         *                       "explanation": "One at a time: when it goes out of scope, the value is dropped.",
         *                       "options": [
         *                         {
         *                           "is_correct": false,
         *                           "option": "A",
         *                           "text": "None"
         *                         },
         *                         {
         *                           "is_correct": true,
         *                           "option": "B",
         *                           "text": "One"
         *                         },
         *                         {
         *                           "is_correct": false,
         *                           "option": "C",
         *                           "text": "Two"
         *                         },
         *                         {
         *                           "is_correct": false,
         *                           "option": "D",
         *                           "text": "Any number"
         *                         }
         *                       ],
         *                       "question": "How many owners has a value?"
         *                     }
         *                   ]
         *                 },
         *                 "title": "Moves"
         *               },
         *               "description": "Assignment moves a value.",
         *               "lesson_number": 1,
         *               "title": "Moves"
         *             }
         *           ],
         *           "part_number": 1,
         *           "title": "Owners"
         *         }
         *       ],
         *       "prerequisites": [
         *         "Functions and variables"
         *       ],
         *       "target_audience": "Programmers who know another language",
         *       "title": "Rust ownership",
         *       "total_duration": "40 minutes"
         *     }
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
         * @example {
         *       "items": [
         *         {
         *           "courseId": "0199f7a2-9d40-7c11-8e02-6b7a5c3d9f18",
         *           "createdAt": "2026-01-31T12:01:07.456Z",
         *           "description": "Who owns a value, who borrows it, and for how long.",
         *           "lessons": 9,
         *           "parts": 3,
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "title": "Rust ownership",
         *           "userId": "11111111-1111-4111-8111-111111111111"
         *         }
         *       ],
         *       "nextCursor": "AAY3xa2sAAABmfeibB57OpxVLx1Oint7"
         *     }
         */
        CoursesPage: {
            items: components["schemas"]["ListedCourse"][];
            /** @description Give it as `cursor` to go on; absent at the end. */
            nextCursor?: string;
        };
        /**
         * CreatedSession
         * @description A session whose events come from outside.
         * @example {
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "writeToken": "6f2a0c5d9be14783a1f0e2d4c6b8a09716253443526170895a4b3c2d1e0f9a8b"
         *     }
         */
        CreatedSession: {
            /** Format: uuid */
            sessionId: string;
            /** @description Sent as `Authorization: Bearer …` with appends; shown here once. */
            writeToken: string;
        };
        /**
         * CreateSession
         * @description What a session for an outside producer is created from.
         * @example {
         *       "producer": "curriculum-bot",
         *       "topic": "Rust ownership",
         *       "user_id": "11111111-1111-4111-8111-111111111111"
         *     }
         */
        CreateSession: {
            /** @description The program's name, shown as the session's provider; at most 200 characters. */
            producer?: string | null;
            /** @description 1 to 500 characters after trimming. */
            topic: string;
            /**
             * Format: uuid
             * @description Whose session it is.
             */
            user_id: string;
        };
        /**
         * DurationPercentiles
         * @description Percentiles in milliseconds.
         * @example {
         *       "p50": 41250,
         *       "p95": 97800,
         *       "p99": 121030
         *     }
         */
        DurationPercentiles: {
            /** Format: double */
            p50: number;
            /** Format: double */
            p95: number;
            /** Format: double */
            p99: number;
        };
        /**
         * EndedSession
         * @description The session has ended.
         * @example {
         *       "lastOffset": 20,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "status": "failed"
         *     }
         */
        EndedSession: {
            /** Format: uint64 */
            lastOffset: number;
            /** Format: uuid */
            sessionId: string;
            status: components["schemas"]["EndStatus"];
        };
        /**
         * EndSession
         * @description How a session ends.
         * @example {
         *       "courseId": null,
         *       "error": "the source is gone",
         *       "status": "failed"
         *     }
         */
        EndSession: {
            /**
             * Format: uuid
             * @description A course that this session has generated.
             */
            courseId?: string | null;
            /** @description Why it failed. */
            error?: string | null;
            status: components["schemas"]["EndStatus"];
        };
        /** @enum {string} */
        EndStatus: "completed" | "failed";
        /**
         * @description Why a client was refused. The eight that real-time events carry, and those that only HTTP knows.
         * @enum {string}
         */
        ErrorCode: "bad_request" | "unauthorized" | "forbidden" | "session_not_found" | "session_expired" | "offset_ahead" | "too_many_sessions" | "internal" | "not_found" | "method_not_allowed" | "not_sealed" | "session_ended" | "idempotency_key_reused" | "producer_seq_reused" | "payload_too_large" | "unsupported_media_type" | "too_many_requests" | "unavailable";
        /**
         * Event
         * @description One event of a log.
         * @example {
         *       "data": {
         *         "lesson": 2,
         *         "part": 1
         *       },
         *       "message": "Writing lesson 2 of part 1",
         *       "offset": 17,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "timestamp": "2026-01-31T12:00:00.123+00:00",
         *       "type": "progress"
         *     }
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
            type: components["schemas"]["EventType"];
        };
        /**
         * EventsPage
         * @description Some events of a log, in order.
         * @example {
         *       "ended": true,
         *       "items": [
         *         {
         *           "data": {
         *             "lesson": 2,
         *             "part": 1
         *           },
         *           "message": "Writing lesson 2 of part 1",
         *           "offset": 17,
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "timestamp": "2026-01-31T12:00:00.123+00:00",
         *           "type": "progress"
         *         }
         *       ],
         *       "lastOffset": 42,
         *       "nextAfter": 17
         *     }
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
         * @description What an event tells: the five types of messages, and the four turns of a session's life.
         * @enum {string}
         */
        EventType: "log" | "progress" | "success" | "error" | "course_generated" | "session_started" | "session_completed" | "session_failed" | "session_cancelled";
        /**
         * @description The form of an export.
         * @enum {string}
         */
        ExportFormat: "ndjson" | "csv";
        /**
         * Failure
         * @description An error as existing clients expect it.
         * @example {
         *       "error": "Session not found",
         *       "success": false
         *     }
         */
        Failure: {
            error: string;
            success: boolean;
        };
        /**
         * Finding
         * @description Something that is not as it was sealed.
         * @example {
         *       "detail": "session 0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60 (seal 1204): offsets 17 to 18 were altered",
         *       "firstOffset": 17,
         *       "lastOffset": 18,
         *       "position": 1204,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "what": "events_altered"
         *     }
         */
        Finding: {
            /** @description Of a session's row: the columns that are not what its log says. */
            columns?: string[];
            /**
             * Format: uuid
             * @description Of a course: which.
             */
            courseId?: string;
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
            /**
             * Format: uuid
             * @description Whose log or seal it is about.
             */
            sessionId?: string;
            what: components["schemas"]["Tampering"];
        };
        /**
         * @example {
         *       "code": "forbidden",
         *       "detail": "Not allowed",
         *       "status": 403,
         *       "title": "Not allowed",
         *       "type": "urn:coursestream:problem:forbidden"
         *     }
         */
        ForbiddenProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "forbidden";
            /** @enum {string} */
            type?: "urn:coursestream:problem:forbidden";
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
         * @example {
         *       "position": 1204,
         *       "sha256": "9f2c4f0d6a1b8e37c5d09a64f1e2b7837d40c9156ab2e8f30471d5c98e6b0a12"
         *     }
         */
        Head: {
            /**
             * Format: uint64
             * @description 0 before anything was sealed.
             */
            position: number;
            /** @description Of the last link; zeros before anything was sealed. */
            sha256: string;
        };
        /**
         * @example {
         *       "code": "internal",
         *       "detail": "Something went wrong here",
         *       "status": 500,
         *       "title": "Something went wrong here",
         *       "type": "urn:coursestream:problem:internal"
         *     }
         */
        InternalProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "internal";
            /** @enum {string} */
            type?: "urn:coursestream:problem:internal";
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
         * @example {
         *       "courseId": "0199f7a2-9d40-7c11-8e02-6b7a5c3d9f18",
         *       "createdAt": "2026-01-31T12:01:07.456Z",
         *       "description": "Who owns a value, who borrows it, and for how long.",
         *       "lessons": 9,
         *       "parts": 3,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "title": "Rust ownership",
         *       "userId": "11111111-1111-4111-8111-111111111111"
         *     }
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
            /** Format: uuid */
            sessionId: string;
            status: components["schemas"]["SessionStatus"];
        };
        /**
         * Live
         * @description The process is up.
         * @example {
         *       "status": "ok"
         *     }
         */
        Live: {
            status: components["schemas"]["Liveness"];
        };
        /**
         * @description The process answers; else there is no answer.
         * @enum {string}
         */
        Liveness: "ok";
        /**
         * @description What a producer's message tells.
         * @enum {string}
         */
        MessageType: "log" | "progress" | "success" | "error" | "course_generated";
        /**
         * NewMessage
         * @description A message as it is described; it is read as an [`Incoming`].
         * @example {
         *       "data": {
         *         "lesson": 2,
         *         "part": 1
         *       },
         *       "message": "Writing lesson 2 of part 1",
         *       "type": "progress"
         *     }
         */
        NewMessage: {
            /** @description Any JSON; for `course_generated` it is `{courseId, course, summary}`. */
            data?: unknown;
            message: string;
            type: components["schemas"]["MessageType"];
        };
        /**
         * @example {
         *       "code": "not_found",
         *       "detail": "Not found",
         *       "status": 404,
         *       "title": "Not found",
         *       "type": "urn:coursestream:problem:not_found"
         *     }
         */
        NotFoundProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "not_found";
            /** @enum {string} */
            type?: "urn:coursestream:problem:not_found";
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
         * @example {
         *       "code": "payload_too_large",
         *       "detail": "The body is too large",
         *       "status": 413,
         *       "title": "The body is too large",
         *       "type": "urn:coursestream:problem:payload_too_large"
         *     }
         */
        PayloadTooLargeProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "payload_too_large";
            /** @enum {string} */
            type?: "urn:coursestream:problem:payload_too_large";
        };
        /**
         * Problem
         * @description An error, as `application/problem+json` (RFC 9457).
         * @example {
         *       "code": "bad_request",
         *       "detail": "limit: must be at most 200",
         *       "status": 400,
         *       "title": "The request is not valid",
         *       "type": "urn:coursestream:problem:bad_request"
         *     }
         */
        Problem: {
            /** @description The code, the same as real-time events carry. */
            code: components["schemas"]["ErrorCode"] & unknown;
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
        /**
         * @example {
         *       "code": "producer_seq_reused",
         *       "detail": "The Producer-Seq was used before",
         *       "status": 422,
         *       "title": "The Producer-Seq was used before",
         *       "type": "urn:coursestream:problem:producer_seq_reused"
         *     }
         */
        ProducerSeqReusedProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "producer_seq_reused";
            /** @enum {string} */
            type?: "urn:coursestream:problem:producer_seq_reused";
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
         * @description `degraded` while wake-ups from other nodes do not arrive and the log is polled instead.
         * @enum {string}
         */
        Readiness: "ok" | "degraded" | "unavailable";
        /**
         * Ready
         * @description Whether the node can serve, and why not.
         * @example {
         *       "database": true,
         *       "migrations": true,
         *       "status": "ok",
         *       "stopping": false,
         *       "wakeups": true
         *     }
         */
        Ready: {
            /** @description The database answers. */
            database: boolean;
            /** @description Every migration of this version is applied. */
            migrations: boolean;
            status: components["schemas"]["Readiness"];
            /** @description The node was told to stop. */
            stopping: boolean;
            /** @description Wake-ups from other nodes arrive: the node's own probe came back. */
            wakeups: boolean;
        };
        /**
         * Seal
         * @description A link of the chain of seals. `sha256` is the SHA-256 of the object without that member, as RFC 8785 writes it. All hashes are 64
         *     hexadecimal digits.
         * @example {
         *       "exportSha256": "5e0b92d4c7813fa6e2d5901b4f6c38a7b1e9d0724a83fc65d2907b1e8c4f53d6",
         *       "kind": "session",
         *       "lastOffset": 42,
         *       "leavesSha256": "d13f68a0b5e9274c8f1d03b76ea5c94270d8f31be64a9c0572db8e16f3a4907c",
         *       "logSha256": "c81d37e5a9402f6bd03e91c7f458ab260d7fe3914c85b6a2709de1f34b58c06a",
         *       "position": 1204,
         *       "previousSha256": "27ab90e14cd3f6580b1e7d92a4c6358fe0719b2d84f35ca6d1e80b794c2f6a35",
         *       "sealedAt": "2026-01-31T12:01:08.501Z",
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "sha256": "9f2c4f0d6a1b8e37c5d09a64f1e2b7837d40c9156ab2e8f30471d5c98e6b0a12"
         *     }
         */
        Seal: {
            /** @description Of the NDJSON export. */
            exportSha256?: string;
            kind: components["schemas"]["SealKind"];
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
             * Format: uuid
             * @description Of dropped history: the lowest id of a session that it can have had.
             */
            lowerBound?: string;
            /**
             * Format: uint64
             * @description Place in the chain: 1, 2, 3 … with no holes.
             */
            position: number;
            /** @description `sha256` of the link before; zeros for the first. */
            previousSha256: string;
            /**
             * Format: date-time
             * @description When the seal was made.
             */
            sealedAt: string;
            /**
             * Format: uuid
             * @description Whose log it is.
             */
            sessionId?: string;
            /**
             * Format: uint64
             * @description Of dropped history: how many sealed sessions it had.
             */
            sessions?: number;
            /** @description Of the seal itself. */
            sha256: string;
            /**
             * Format: uuid
             * @description Of dropped history: the lowest id behind it.
             */
            upperBound?: string;
        };
        /**
         * @description What a link of the chain of seals tells of: the log of an ended session, or history that was dropped at the end of its retention.
         * @enum {string}
         */
        SealKind: "session" | "retention";
        /**
         * SealsPage
         * @description Some links of the chain, in its order.
         * @example {
         *       "items": [
         *         {
         *           "exportSha256": "5e0b92d4c7813fa6e2d5901b4f6c38a7b1e9d0724a83fc65d2907b1e8c4f53d6",
         *           "kind": "session",
         *           "lastOffset": 42,
         *           "leavesSha256": "d13f68a0b5e9274c8f1d03b76ea5c94270d8f31be64a9c0572db8e16f3a4907c",
         *           "logSha256": "c81d37e5a9402f6bd03e91c7f458ab260d7fe3914c85b6a2709de1f34b58c06a",
         *           "position": 1204,
         *           "previousSha256": "27ab90e14cd3f6580b1e7d92a4c6358fe0719b2d84f35ca6d1e80b794c2f6a35",
         *           "sealedAt": "2026-01-31T12:01:08.501Z",
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "sha256": "9f2c4f0d6a1b8e37c5d09a64f1e2b7837d40c9156ab2e8f30471d5c98e6b0a12"
         *         }
         *       ],
         *       "nextAfter": 1204
         *     }
         */
        SealsPage: {
            items: components["schemas"]["Seal"][];
            /**
             * Format: uint64
             * @description Give it as `after` to go on; absent at the end.
             */
            nextAfter?: number;
        };
        /**
         * @example {
         *       "code": "session_ended",
         *       "detail": "The session has ended",
         *       "status": 409,
         *       "title": "The session has ended",
         *       "type": "urn:coursestream:problem:session_ended"
         *     }
         */
        SessionEndedProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "session_ended";
            /** @enum {string} */
            type?: "urn:coursestream:problem:session_ended";
        };
        /**
         * @example {
         *       "code": "session_expired",
         *       "detail": "The session has expired",
         *       "status": 410,
         *       "title": "The session has expired",
         *       "type": "urn:coursestream:problem:session_expired"
         *     }
         */
        SessionExpiredProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "session_expired";
            /** @enum {string} */
            type?: "urn:coursestream:problem:session_expired";
        };
        /**
         * @example {
         *       "code": "session_not_found",
         *       "detail": "No such session",
         *       "status": 404,
         *       "title": "No such session",
         *       "type": "urn:coursestream:problem:session_not_found"
         *     }
         */
        SessionNotFoundOrNotSealedProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "session_not_found" | "not_sealed";
            /** @enum {string} */
            type?: "urn:coursestream:problem:session_not_found" | "urn:coursestream:problem:not_sealed";
        };
        /**
         * @example {
         *       "code": "session_not_found",
         *       "detail": "No such session",
         *       "status": 404,
         *       "title": "No such session",
         *       "type": "urn:coursestream:problem:session_not_found"
         *     }
         */
        SessionNotFoundProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "session_not_found";
            /** @enum {string} */
            type?: "urn:coursestream:problem:session_not_found";
        };
        /**
         * SessionsPage
         * @description Some sessions, newest first.
         * @example {
         *       "items": [
         *         {
         *           "archived": false,
         *           "attempts": 1,
         *           "counts": {
         *             "course_generated": 1,
         *             "error": 0,
         *             "log": 6,
         *             "progress": 18,
         *             "success": 15
         *           },
         *           "courseId": "0199f7a2-9d40-7c11-8e02-6b7a5c3d9f18",
         *           "durationMs": 67333,
         *           "endedAt": "2026-01-31T12:01:07.456Z",
         *           "lastOffset": 42,
         *           "model": "gpt-5-mini",
         *           "provider": "openai",
         *           "searchWeb": false,
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "startedAt": "2026-01-31T12:00:00.123Z",
         *           "status": "completed",
         *           "topic": "Rust ownership",
         *           "usage": {
         *             "completionTokens": 9871,
         *             "promptTokens": 18204
         *           },
         *           "userId": "11111111-1111-4111-8111-111111111111"
         *         }
         *       ],
         *       "nextCursor": "AAY3xa2sAAABmfeibB57OpxVLx1Oint7"
         *     }
         */
        SessionsPage: {
            items: components["schemas"]["SessionSummary"][];
            /** @description Give it as `cursor` to go on; absent at the end. */
            nextCursor?: string;
        };
        /**
         * @description Where a session stands.
         * @enum {string}
         */
        SessionStatus: "queued" | "running" | "completed" | "failed" | "cancelled" | "expired";
        /**
         * SessionSummary
         * @description A session: what was asked for, where it stands, what it cost.
         * @example {
         *       "archived": false,
         *       "attempts": 1,
         *       "counts": {
         *         "course_generated": 1,
         *         "error": 0,
         *         "log": 6,
         *         "progress": 18,
         *         "success": 15
         *       },
         *       "courseId": "0199f7a2-9d40-7c11-8e02-6b7a5c3d9f18",
         *       "durationMs": 67333,
         *       "endedAt": "2026-01-31T12:01:07.456Z",
         *       "lastOffset": 42,
         *       "model": "gpt-5-mini",
         *       "provider": "openai",
         *       "searchWeb": false,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "startedAt": "2026-01-31T12:00:00.123Z",
         *       "status": "completed",
         *       "topic": "Rust ownership",
         *       "usage": {
         *         "completionTokens": 9871,
         *         "promptTokens": 18204
         *       },
         *       "userId": "11111111-1111-4111-8111-111111111111"
         *     }
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
            status: components["schemas"]["SessionStatus"];
            topic: string;
            usage: components["schemas"]["Usage"];
            /** Format: uuid */
            userId: string;
        };
        /**
         * SessionVerification
         * @description Whether a session is as it was sealed.
         * @example {
         *       "dropped": false,
         *       "events": 42,
         *       "findings": [
         *         {
         *           "detail": "session 0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60 (seal 1204): offsets 17 to 18 were altered",
         *           "firstOffset": 17,
         *           "lastOffset": 18,
         *           "position": 1204,
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "what": "events_altered"
         *         }
         *       ],
         *       "intact": false,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60"
         *     }
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
        /**
         * Started
         * @description The run is queued; follow its session.
         * @example {
         *       "message": "Course generation started",
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "success": true
         *     }
         */
        Started: {
            message: string;
            /** Format: uuid */
            sessionId: string;
            success: boolean;
        };
        /**
         * StatusOfAll
         * @description The sessions that are not expired, newest first.
         * @example {
         *       "sessions": [
         *         {
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "status": "running"
         *         }
         *       ],
         *       "success": true
         *     }
         */
        StatusOfAll: {
            sessions: components["schemas"]["ListedSession"][];
            success: boolean;
        };
        /**
         * StatusOfOne
         * @description Where the session stands.
         * @example {
         *       "lastOffset": 17,
         *       "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *       "status": "running",
         *       "success": true
         *     }
         */
        StatusOfOne: {
            /** Format: uint64 */
            lastOffset: number;
            /** Format: uuid */
            sessionId: string;
            status: components["schemas"]["SessionStatus"];
            success: boolean;
        };
        /**
         * StreamTicket
         * @description Leave to open the session's stream for a while.
         * @example {
         *       "expiresAt": "2026-01-31T12:01:00.000Z",
         *       "success": true,
         *       "ticket": "AQEAEREREREREYERERERERERERGZ96JsHns6nFUvHU6Ke2A"
         *     }
         */
        StreamTicket: {
            /** Format: date-time */
            expiresAt: string;
            success: boolean;
            /** @description For the query of the stream's URL. */
            ticket: string;
        };
        /**
         * @description What was done to something that was sealed. `log_altered`: where is not known. `session_altered` and those of courses: the log is
         *     as it was sealed, and what is kept beside it is not what it says. `head_unknown`: the chain does not have the head that was
         *     asked for.
         * @enum {string}
         */
        Tampering: "events_altered" | "events_removed" | "events_inserted" | "events_moved" | "log_altered" | "log_removed" | "log_unreadable" | "session_removed" | "session_altered" | "course_altered" | "course_removed" | "course_inserted" | "partition_removed" | "leaves_altered" | "leaves_removed" | "seal_altered" | "chain_broken" | "seals_removed" | "seal_removed" | "head_unknown";
        /**
         * @example {
         *       "code": "too_many_requests",
         *       "detail": "Too much at once",
         *       "status": 429,
         *       "title": "Too much at once",
         *       "type": "urn:coursestream:problem:too_many_requests"
         *     }
         */
        TooManyRequestsProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "too_many_requests";
            /** @enum {string} */
            type?: "urn:coursestream:problem:too_many_requests";
        };
        /**
         * @example {
         *       "code": "unauthorized",
         *       "detail": "A valid key is needed",
         *       "status": 401,
         *       "title": "A valid key is needed",
         *       "type": "urn:coursestream:problem:unauthorized"
         *     }
         */
        UnauthorizedProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "unauthorized";
            /** @enum {string} */
            type?: "urn:coursestream:problem:unauthorized";
        };
        /**
         * @example {
         *       "code": "unavailable",
         *       "detail": "Try again later",
         *       "status": 503,
         *       "title": "Try again later",
         *       "type": "urn:coursestream:problem:unavailable"
         *     }
         */
        UnavailableProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "unavailable";
            /** @enum {string} */
            type?: "urn:coursestream:problem:unavailable";
        };
        /**
         * @example {
         *       "code": "unsupported_media_type",
         *       "detail": "The body is of a type that is not read here",
         *       "status": 415,
         *       "title": "The body is of a type that is not read here",
         *       "type": "urn:coursestream:problem:unsupported_media_type"
         *     }
         */
        UnsupportedMediaTypeProblem: components["schemas"]["Problem"] & {
            /** @enum {string} */
            code?: "unsupported_media_type";
            /** @enum {string} */
            type?: "urn:coursestream:problem:unsupported_media_type";
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
         * @example {
         *       "dropped": 0,
         *       "events": 20916,
         *       "findings": [
         *         {
         *           "detail": "session 0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60 (seal 1204): offsets 17 to 18 were altered",
         *           "firstOffset": 17,
         *           "lastOffset": 18,
         *           "position": 1204,
         *           "sessionId": "0199f7a2-6c1e-7b3a-9c55-2f1d4e8a7b60",
         *           "what": "events_altered"
         *         }
         *       ],
         *       "head": {
         *         "position": 1204,
         *         "sha256": "9f2c4f0d6a1b8e37c5d09a64f1e2b7837d40c9156ab2e8f30471d5c98e6b0a12"
         *       },
         *       "intact": false,
         *       "nextAfter": 1500,
         *       "seals": 500,
         *       "sessions": 498,
         *       "unsealed": 1
         *     }
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
    getActivitySummary: {
        parameters: {
            query?: {
                /**
                 * @description Width of the buckets: so many seconds, minutes, hours or days. Where it is absent, one is chosen that gives up to 100
                 *     buckets.
                 */
                bucket?: string;
                /** @description The beginning of the span; 24 hours before `to` where it is absent. */
                from?: string;
                /** @description The end of the span, which is not part of it; now where it is absent. */
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What happened in a span of time, bucket by bucket. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["ActivitySummary"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
                };
            };
        };
    };
    listAccesses: {
        parameters: {
            query?: {
                /** @description Only reads from this address. */
                address?: string;
                /** @description Only reads at this moment or later. */
                after?: string;
                /** @description Only reads before this moment. */
                before?: string;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
                /** @description At most so many. */
                limit?: number;
                /** @description Only reads by this operation: its id in this document, or `join_session`. */
                operation?: string;
                /** @description Only reads by this principal. */
                principal?: string;
                /** @description Only reads of this session. */
                session_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Some entries of the access trail, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["AccessesPage"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
                };
            };
        };
    };
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
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The body is of a type that is not read here */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The Idempotency-Key was used before */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
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
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description The session has ended */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
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
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
        };
    };
    createStreamTicket: {
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
            /** @description Leave to open the session's stream for a while. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["StreamTicket"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
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
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Failure"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
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
            /** @description Some courses, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["CoursesPage"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description A course with everything in it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Course"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["NotFoundProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
                };
            };
        };
    };
    listSeals: {
        parameters: {
            query?: {
                /** @description `nextAfter` of the page before: a position in the chain. */
                after?: number;
                /** @description At most so many seals. */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Some links of the chain, in its order. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SealsPage"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
                /** @description Only those with one of these statuses; several are separated by commas as well. */
                status?: components["schemas"]["SessionStatus"][];
                /** @description Only those whose topic contains this text, in whatever case; texts of fewer than three letters are found slowly. */
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
            /** @description Some sessions, newest first. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SessionsPage"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description A session whose events come from outside. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["CreatedSession"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["PayloadTooLargeProblem"];
                };
            };
            /** @description The body is of a type that is not read here */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnsupportedMediaTypeProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description A session: what was asked for, where it stands, what it cost. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SessionSummary"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundProblem"];
                };
            };
            /** @description The session has ended */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionEndedProblem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["PayloadTooLargeProblem"];
                };
            };
            /** @description The body is of a type that is not read here */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnsupportedMediaTypeProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
                /** @description Only events of these types; several are separated by commas as well. */
                type?: components["schemas"]["EventType"][];
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
            /** @description Some events of a log, in order. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["EventsPage"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description One of several problems: `type` says which. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestOrOffsetAheadProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
                "Producer-Seq"?: number;
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
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundProblem"];
                };
            };
            /** @description The session has ended */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionEndedProblem"];
                };
            };
            /** @description The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["PayloadTooLargeProblem"];
                };
            };
            /** @description The body is of a type that is not read here */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnsupportedMediaTypeProblem"];
                };
            };
            /** @description The Producer-Seq was used before */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProducerSeqReusedProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /**
             * @description A link of the chain of seals. `sha256` is the SHA-256 of the object without that member, as RFC 8785 writes it. All hashes are 64
             *     hexadecimal digits.
             */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Seal"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description One of several problems: `type` says which. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundOrNotSealedProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
                };
            };
        };
    };
    streamSession: {
        parameters: {
            query?: {
                /** @description The last-seen offset. */
                lastSeenOffset?: number;
                /** @description A ticket for this stream, in the place of a token that cannot be sent. */
                ticket?: string;
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
            /** @description One of several problems: `type` says which. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestOrOffsetAheadProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description No such session */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundProblem"];
                };
            };
            /** @description The session has expired */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionExpiredProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description Whether a session is as it was sealed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["SessionVerification"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description One of several problems: `type` says which. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["SessionNotFoundOrNotSealedProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description What was checked of the chain, and what is not as it was sealed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json; charset=utf-8": components["schemas"]["Verification"];
                };
            };
            /** @description The request is not valid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["BadRequestProblem"];
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
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
            /** @description The process is up. */
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
            /** @description All metrics, each with its type and a line that explains it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain; charset=utf-8": string;
                };
            };
            /** @description A valid key is needed */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnauthorizedProblem"];
                };
            };
            /** @description Not allowed */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ForbiddenProblem"];
                };
            };
            /** @description Too much at once */
            429: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["TooManyRequestsProblem"];
                };
            };
            /** @description Something went wrong here */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["InternalProblem"];
                };
            };
            /** @description Try again later */
            503: {
                headers: {
                    /** @description Seconds after which the same request may succeed. */
                    "Retry-After": number;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["UnavailableProblem"];
                };
            };
        };
    };
}
