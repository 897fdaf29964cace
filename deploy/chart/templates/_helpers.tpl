{{/* The name of all objects. */}}
{{- define "webhook.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "webhook.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "webhook.fullname" .) -}}
{{- end -}}

{{/* What selects the pods. A Deployment's selector can't change, so no value is in it but the name. */}}
{{- define "webhook.selector" -}}
app.kubernetes.io/name: {{ include "webhook.fullname" . }}
{{- end -}}

{{- define "webhook.labels" -}}
{{ include "webhook.selector" . }}
{{ include "webhook.labelsOfRelease" . }}
{{- end -}}

{{/* The name of the audit's objects: `modelendpoint-audit` beside `modelendpoint-webhook`. */}}
{{- define "audit.fullname" -}}
{{- include "webhook.fullname" . | trimSuffix "-webhook" | trunc 53 | trimSuffix "-" }}-audit
{{- end -}}

{{- define "audit.selector" -}}
app.kubernetes.io/name: {{ include "audit.fullname" . }}
{{- end -}}

{{- define "audit.labels" -}}
{{ include "audit.selector" . }}
{{ include "webhook.labelsOfRelease" . }}
{{- end -}}

{{- define "webhook.labelsOfRelease" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "webhook.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- with .Values.image.digest }}{{ $image = printf "%s@%s" $image . }}{{ end -}}
{{- $image -}}
{{- end -}}

{{- define "webhook.secret" -}}
{{ include "webhook.fullname" . }}-managed-certs
{{- end -}}

{{/* The ConfigMap with the policy; nothing if there is no policy. */}}
{{- define "webhook.policy" -}}
{{- if .Values.policy.existingConfigMap -}}
{{- .Values.policy.existingConfigMap -}}
{{- else if .Values.policy.inline -}}
{{- include "webhook.fullname" . }}-policy
{{- end -}}
{{- end -}}
