pub struct OpenAi;
pub struct OpenAiOptions;
