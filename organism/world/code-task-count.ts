/** How many kinds of coding task there are: known to whoever needs none of their texts, such as the page before its first paint. */
export const CODE_TASK_COUNT = 24;
