/** A moment as a person says it on the day `now`: “today, 14:02”, “yesterday, 9:15”, “3 May, 18:40”; the year where it is another. */
export function momentInWords(at: number, now: number = Date.now()): string {
	const [then, today] = [new Date(at), new Date(now)];
	const time = `${then.getHours()}:${String(then.getMinutes()).padStart(2, '0')}`;
	const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
	const days = Math.round((midnight(today) - midnight(then)) / 86_400_000); // a day of 23 or 25 hours rounds to one
	if (days === 0) return `today, ${time}`;
	if (days === 1) return `yesterday, ${time}`;
	const year = then.getFullYear() === today.getFullYear() ? {} : { year: 'numeric' as const };
	return `${then.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', ...year })}, ${time}`;
}
