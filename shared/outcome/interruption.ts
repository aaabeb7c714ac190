/** How the main step of an action can be kept from its end: by a cancelled job, or by the death of its process. */
export const interruptions = ['cancelled', 'killed'] as const

export type Interruption = (typeof interruptions)[number]
