//! The scaffold's texts. Pure: from a topic and a place in the course to the values of that place.

use crate::course::{
    AnswerOption, LessonContent, LessonList, LessonOutline, OPTION_LABELS, Outline, PartOutline, Question, Quiz,
};

/// A title takes no more of a long topic than this many characters.
const TOPIC_IN_TITLE_CHARS_MAX: usize = 80;

/// What a part is for, whatever the topic. `{}` stands for the topic.
struct PartPlan {
    title: &'static str,
    description: &'static str,
    goals: [&'static str; 2],
    lessons: &'static [LessonPlan],
}

struct LessonPlan {
    title: &'static str,
    description: &'static str,
    /// The lesson's body between its opening and its closing words.
    body: &'static str,
    concepts: [&'static str; 3],
    exercise: &'static str,
}

const PLAN: [PartPlan; 3] = [
    PartPlan {
        title: "Foundations of {}",
        description: "What {} is about, where it is used, and the words that the rest of the course relies on.",
        goals: ["Say in your own words what {} is and what it is not", "Use its basic terms with confidence"],
        lessons: &[
            LessonPlan {
                title: "What {} is and why it matters",
                description: "The question behind {}, who asks it, and what an answer is good for.",
                body: "## The question behind it\n\nEvery field begins with a problem that somebody could not leave alone. \
                       Ask of {}: *who has this problem, what did they try first, and why was that not enough?* The answers \
                       tell you what to pay attention to, and what you may skip.\n\n## Where you meet it\n\nLook for three \
                       places: one in everyday life, one at work, and one where you would not expect it. The third is often \
                       the most instructive, because it shows which ideas carry over.",
                concepts: ["The problem that the field answers", "Its scope and its limits", "Where it is applied"],
                exercise: "Write three sentences that explain the topic to a friend who has never heard of it.",
            },
            LessonPlan {
                title: "The vocabulary of {}",
                description: "The terms that come back in every text on {}, and how they hang together.",
                body: "## Terms come in families\n\nA list of definitions is soon forgotten; a map stays. Take the five terms \
                       that you meet most often in {} and draw how each depends on the others. What has no arrow is either \
                       the foundation or not needed yet.\n\n## One word, one meaning\n\nWhere two sources use a word \
                       differently, note both and choose one. Most misunderstandings begin with a word that everybody \
                       thought was clear.",
                concepts: ["Core terms", "How terms depend on one another", "Words that mislead"],
                exercise: "Draw a map of five terms and label each arrow with a verb.",
            },
        ],
    },
    PartPlan {
        title: "Working with {}",
        description: "The methods of {}, step by step, with worked examples.",
        goals: [
            "Carry out a basic task of {} from beginning to end",
            "Recognise the usual mistakes and put them right",
        ],
        lessons: &[
            LessonPlan {
                title: "A first complete task in {}",
                description: "One small task of {}, done slowly from beginning to end.",
                body: "## Small, but whole\n\nChoose a task that fits in half an hour and has a beginning, a middle and an end. \
                       A whole small task teaches more of {} than a tenth of a large one.\n\n## The steps\n\n1. Say what the \
                       result should be, and how you will know that it is right.\n2. List what you need before you start.\n3. \
                       Do one step at a time and write down what you see.\n4. Compare the result with what you said at first.",
                concepts: ["A goal that can be checked", "One step at a time", "Comparing result and intention"],
                exercise: "Do one small task and write down where you hesitated.",
            },
            LessonPlan {
                title: "Methods and when to use them in {}",
                description: "The common ways of working in {}, and how to choose among them.",
                body: "## No method fits everything\n\nFor each method of {} ask three things: what it needs, what it gives, and \
                       how it fails. A table with those three columns is worth more than a page of praise.\n\n## \
                       Choosing\n\nBegin with the simplest method that could work. Leave it only when you can name what it \
                       does not give you.",
                concepts: ["What a method needs", "What a method gives", "How a method fails"],
                exercise: "Fill a table of three methods with the columns needs, gives and fails.",
            },
            LessonPlan {
                title: "Common mistakes in {}",
                description: "What goes wrong most often in {}, how to notice it early, and what to do then.",
                body: "## Mistakes have a pattern\n\nMost mistakes in {} are made again and again: a step left out, an assumption \
                       never checked, a result that nobody compared with the question. Each has an early sign.\n\n## A short \
                       check\n\nBefore you call something finished, ask: *What did I assume? What did I not look at? What \
                       would I see if I were wrong?*",
                concepts: ["Early signs", "Unchecked assumptions", "A checklist before finishing"],
                exercise: "Take something you did earlier and find one assumption that you never checked.",
            },
        ],
    },
    PartPlan {
        title: "Applying {}",
        description: "From exercises to work of your own: a project in {}, and how to go on learning.",
        goals: ["Plan and finish a small project in {}", "Judge work in the field, your own included"],
        lessons: &[
            LessonPlan {
                title: "A project of your own in {}",
                description: "How to choose, cut down and finish a small project in {}.",
                body: "## Choosing\n\nA good first project in {} matters to one real person, can be finished in a week, and may \
                       be thrown away afterwards. Write its result in one sentence before you begin.\n\n## Cutting \
                       down\n\nHalve the plan, then halve it again. What is left is what you will finish; what was cut is the \
                       list for next time.",
                concepts: ["A result in one sentence", "Cutting down a plan", "Finishing"],
                exercise: "Write your project's result in one sentence and list what you left out.",
            },
            LessonPlan {
                title: "Judging quality in {}",
                description: "What separates good work in {} from work that only looks good.",
                body: "## Criteria first\n\nDecide what you will look at before you look. For {} three to five criteria are \
                       enough; each should let two people come to the same verdict.\n\n## Asking for criticism\n\nShow the \
                       work to somebody and ask one precise question. *Where did you stop understanding?* brings more than \
                       *Do you like it?*",
                concepts: ["Criteria before verdicts", "Precise questions", "Using criticism"],
                exercise: "Write four criteria and judge two examples by them.",
            },
            LessonPlan {
                title: "Where to go next with {}",
                description: "How to keep learning {} after this course.",
                body: "## Three directions\n\n- **Deeper**: one part of {} that you want to master.\n- **Wider**: a neighbouring \
                       field that uses the same ideas.\n- **Together**: people to learn with, and to teach.\n\n## A \
                       habit\n\nHalf an hour a week, kept for a year, beats a month of enthusiasm. Put it in your calendar now.",
                concepts: ["Going deeper", "Going wider", "A habit that lasts"],
                exercise: "Choose one direction and write down the first step, with a date.",
            },
        ],
    },
];

/// A question of every quiz: the words, the right answer, three wrong ones, and why.
const QUIZ: [(&str, &str, [&str; 3], &str); 3] = [
    (
        "What is the best sign that you have understood \"{}\"?",
        "You can explain it in your own words and give an example",
        ["You have read the text twice", "You remember the title", "You agree with everything in it"],
        "Explaining and giving an example both need the idea itself, not only its wording.",
    ),
    (
        "How should you begin the exercise of \"{}\"?",
        "By saying what the result should be and how to check it",
        [
            "By looking up somebody else's solution",
            "By doing the hardest step first",
            "By collecting every tool there is",
        ],
        "A goal that can be checked tells you which steps are needed and when you are done.",
    ),
    (
        "Something in \"{}\" contradicts what you believed before. What helps most?",
        "Writing down both views and looking for what would decide between them",
        ["Keeping the older view", "Taking the newer view unseen", "Leaving the question out"],
        "A contradiction is a question; naming what would decide it turns it into something that you can find out.",
    ),
];

pub(super) fn outline(topic: &str) -> Outline {
    let topic = one_line(topic);
    let short = shorten(&topic);
    Outline {
        title: format!("An introduction to {short}"),
        description: format!(
            "A scaffold for a course on {topic}. It was built without a language model: the structure, the questions and the \
             exercises are ready, and the subject matter is to be filled in."
        ),
        target_audience: format!("Beginners who want a well-ordered start with {short}"),
        prerequisites: vec!["Curiosity and about an hour a week".to_owned()],
        total_duration: "4 hours".to_owned(),
        parts: PLAN
            .iter()
            .enumerate()
            .map(|(index, plan)| PartOutline {
                part_number: index + 1,
                title: fill(plan.title, &short),
                description: fill(plan.description, &short),
                learning_goals: plan.goals.iter().map(|goal| fill(goal, &short)).collect(),
            })
            .collect(),
    }
}

pub(super) fn lessons(topic: &str, outline: &Outline, part_number: usize) -> LessonList {
    let short = shorten(&one_line(topic));
    let part = outline.parts.get(part_number.wrapping_sub(1)).map_or_else(String::new, |part| one_line(&part.title));
    LessonList {
        lessons: plan_of(part_number)
            .lessons
            .iter()
            .enumerate()
            .map(|(index, plan)| LessonOutline {
                lesson_number: index + 1,
                title: fill(plan.title, &short),
                description: format!("{} Part of \"{part}\".", fill(plan.description, &short)),
            })
            .collect(),
    }
}

pub(super) fn content(topic: &str, outline: &Outline, part_number: usize, lesson: &LessonOutline) -> LessonContent {
    let topic = one_line(topic);
    let short = shorten(&topic);
    let title = one_line(&lesson.title);
    let lessons = plan_of(part_number).lessons;
    let plan = &lessons[lesson.lesson_number.wrapping_sub(1) % lessons.len()];
    let seed = seed(&topic).wrapping_add(part_number).wrapping_add(lesson.lesson_number);
    LessonContent {
        content: format!(
            "# {}\n\n> This lesson of *{}* is a scaffold to be filled in: its structure is ready, its subject matter is \
             yours.\n\n{}\n\n{}\n\n## To be filled in\n\n- [ ] The main idea in one paragraph\n- [ ] One worked example\n- [ ] \
             Sources to read on\n",
            in_markdown(&title),
            in_markdown(&shorten(&one_line(&outline.title))),
            in_markdown(&one_line(&lesson.description)),
            fill(plan.body, &in_markdown(&short)),
        ),
        learning_objectives: vec![
            format!("Explain the main idea of \"{title}\""),
            format!("Relate it to an example from {short}"),
        ],
        key_concepts: plan.concepts.iter().map(|&concept| concept.to_owned()).collect(),
        examples: vec![format!("To be filled in: an example from {short} that shows \"{}\".", plan.concepts[0])],
        exercises: vec![plan.exercise.to_owned()],
        estimated_duration: "30 minutes".to_owned(),
        quiz: Quiz {
            questions: QUIZ.iter().enumerate().map(|(index, entry)| question(entry, &title, seed + index)).collect(),
        },
        title,
    }
}

/// Places the right answer by `seed`, the wrong ones around it in order.
fn question((words, right, wrong, why): &(&str, &str, [&str; 3], &str), title: &str, seed: usize) -> Question {
    let place = seed % OPTION_LABELS.len();
    let mut texts = wrong.to_vec();
    texts.insert(place, right);
    let options = OPTION_LABELS
        .into_iter()
        .zip(texts)
        .enumerate()
        .map(|(index, (label, text))| AnswerOption {
            option: label.to_owned(),
            text: text.to_owned(),
            is_correct: index == place,
        })
        .collect();
    Question { question: fill(words, title), options, explanation: Some((*why).to_owned()) }
}

/// An outline from another provider may have more parts than this one plans: the plans then come round again.
fn plan_of(part_number: usize) -> &'static PartPlan {
    &PLAN[part_number.wrapping_sub(1) % PLAN.len()]
}

fn fill(template: &str, value: &str) -> String {
    template.replace("{}", value)
}

/// Any text as one line without control characters, and never blank.
fn one_line(text: &str) -> String {
    let words = text.replace(char::is_control, " ").split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() { "this topic".to_owned() } else { words }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(TOPIC_IN_TITLE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// Escapes what Markdown would read as markup in the middle of a line.
fn in_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '<' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// FNV-1a, small enough to add to. The standard library's hasher may change with a release, and with it the course.
fn seed(text: &str) -> usize {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash % 1_000) as usize
}
