// The seven emotions of MELD, in the one order that every index in the product refers to.

import { z } from "zod";

export const emotionLabels = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"] as const;
export const emotionLabelSchema = z.enum(emotionLabels);
export type EmotionLabel = (typeof emotionLabels)[number];
