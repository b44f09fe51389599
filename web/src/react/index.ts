/** The hook, and the store under it. */
export { useCourseGeneration } from './useCourseGeneration.ts'
export type { UseCourseGeneration, UseCourseGenerationOptions } from './useCourseGeneration.ts'
export { GenerationStore, idle } from './generation.ts'
export type { Connection, Generation, GenerationOptions } from './generation.ts'
export type { Progress, Run } from '../course/run.ts'
export type { Course, Lesson, LessonContent, Part, Question } from '../course/course.ts'
