// The seven emotions of MELD, in the order that the bundled extractor's prior head and the paper's tables have.

export const emotionLabels = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"] as const;
export type EmotionLabel = (typeof emotionLabels)[number];
